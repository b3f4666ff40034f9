"""The order, the bound, the overlap and the ends of the pipeline, with workers that say when they may go on."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_nt.stream.pipeline import Pipeline


def names_of_live_threads() -> set[int]:
    return {thread.ident for thread in threading.enumerate() if thread.ident is not None}


@settings(max_examples=40)
@given(pauses_ms=st.lists(st.integers(0, 3), max_size=25), workers=st.integers(1, 5), in_flight=st.integers(1, 7))
def test_outcomes_come_in_the_order_of_the_items_whatever_each_one_takes(
    pauses_ms: list[int], workers: int, in_flight: int
) -> None:
    def work(item: tuple[int, int]) -> int:
        time.sleep(item[1] / 1e3)
        return item[0] * 10

    with Pipeline([work] * workers, list(enumerate(pauses_ms)), in_flight) as outcomes:
        assert list(outcomes) == [number * 10 for number in range(len(pauses_ms))]


def test_workers_overlap_with_each_other_and_with_the_consumer() -> None:
    # Nobody may leave before all are inside: two workers and the consumer. One after another, this would never end.
    meeting = threading.Barrier(3, timeout=30)

    def work(item: int) -> int:
        if item in {1, 2}:
            meeting.wait()
        return item

    with Pipeline([work, work], range(3), in_flight=3) as outcomes:
        given_out = iter(outcomes)
        assert next(given_out) == 0
        meeting.wait()
        assert list(given_out) == [1, 2]


def test_sleeping_work_takes_the_longest_part_not_the_sum() -> None:
    pause_s, frames = 0.02, 20

    def work(item: int) -> int:
        time.sleep(pause_s)
        return item

    start = time.perf_counter()
    with Pipeline([work] * 4, range(frames), in_flight=8) as outcomes:
        for _ in outcomes:
            time.sleep(pause_s / 4)
    # One after another: 0.5 s. Four at a time: 0.1 s, of which the consumer's own share overlaps.
    assert time.perf_counter() - start < 0.6 * frames * pause_s * 1.25


@pytest.mark.parametrize("in_flight", [1, 2, 5])
def test_no_more_items_are_in_flight_than_allowed_before_a_slow_consumer(in_flight: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(30):
            taken += 1
            yield number

    most = 0
    with Pipeline([lambda item: item] * 3, items(), in_flight) as outcomes:
        for done, _ in enumerate(outcomes):
            time.sleep(0.002)
            most = max(most, taken - done)
    # The bound is reached, too: otherwise the workers would idle.
    assert most == in_flight


def test_one_worker_with_one_in_flight_finishes_an_item_before_it_reads_the_next() -> None:
    events: list[str] = []

    def items() -> Iterator[int]:
        for number in range(3):
            events.append(f"read {number}")
            yield number

    def work(item: int) -> int:
        events.append(f"work {item}")
        return item

    with Pipeline([work], items(), in_flight=1) as outcomes:
        for item in outcomes:
            events.append(f"write {item}")
    assert events == [f"{what} {number}" for number in range(3) for what in ("read", "work", "write")]


def test_a_failing_worker_ends_everything_and_is_raised_once() -> None:
    worked: list[int] = []
    before = names_of_live_threads()

    def work(item: int) -> int:
        worked.append(item)
        if item >= 5:
            raise OSError(f"disk full at {item}")
        return item

    with pytest.raises(OSError, match="disk full"), Pipeline([work] * 2, range(10_000), in_flight=4) as outcomes:
        for _ in outcomes:
            pass
    assert len(worked) < 20
    assert names_of_live_threads() == before


def test_a_failing_source_is_raised_where_the_outcomes_are_used() -> None:
    def items() -> Iterator[int]:
        yield 0
        raise RuntimeError("the camera is gone")

    with pytest.raises(RuntimeError, match="camera"), Pipeline([lambda item: item] * 2, items(), 4) as outcomes:
        list(outcomes)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_leaving_the_block_stops_the_workers_and_keeps_the_consumers_exception(stop: type[BaseException]) -> None:
    before = names_of_live_threads()
    worked: list[int] = []

    def work(item: int) -> int:
        worked.append(item)
        time.sleep(0.01)
        return item

    def show(item: int) -> None:
        if item == 4:
            raise stop

    start = time.perf_counter()
    with pytest.raises(stop), Pipeline([work] * 3, range(100_000), in_flight=6) as outcomes:
        list(map(show, outcomes))
    assert time.perf_counter() - start < 1
    assert len(worked) <= 4 + 6 + 1
    assert names_of_live_threads() == before


def test_an_item_that_waits_for_its_source_holds_no_finished_outcome_back() -> None:
    # A camera: the next frame comes only after the last one has been shown.
    shown = threading.Event()

    def items() -> Iterator[int]:
        yield 0
        assert shown.wait(timeout=30)
        yield 1

    with Pipeline([lambda item: item], items(), in_flight=4) as outcomes:
        seen = []
        for item in outcomes:
            seen.append(item)
            shown.set()
    assert seen == [0, 1]


@pytest.mark.parametrize(("workers", "in_flight"), [(0, 1), (1, 0)])
def test_no_worker_or_no_room_is_refused(workers: int, in_flight: int) -> None:
    with pytest.raises(ValueError, match="at least one of each"):
        Pipeline([abs] * workers, [1], in_flight)
