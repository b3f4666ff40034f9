import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.bench.latency_stats import STAGES, latency_stats, stage_ms, stage_stats
from edge_nt.errors import InputError
from edge_nt.runtime.reconstruction import StageTimes


@given(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=60))
def test_percentiles_are_those_of_the_sorted_times(times_ms: list[float]) -> None:
    stats = latency_stats(times_ms)
    ordered = sorted(times_ms)

    def percentile(share: float) -> float:
        position = share * (len(ordered) - 1)
        below = int(position)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (position - below) * (ordered[above] - ordered[below])

    assert stats.p50_ms == pytest.approx(percentile(0.5))
    assert stats.p95_ms == pytest.approx(percentile(0.95))
    assert stats.p99_ms == pytest.approx(percentile(0.99))
    assert (stats.n, stats.max_ms) == (len(times_ms), ordered[-1])
    assert stats.mean_ms == pytest.approx(sum(times_ms) / len(times_ms))


def test_no_times_give_no_figures() -> None:
    with pytest.raises(InputError, match="at least one timed frame"):
        latency_stats([])


def test_the_sums_are_of_one_frame_each() -> None:
    # The median of the sums, not the sum of the medians: here they differ.
    times = [StageTimes(1, 10, 1, 0), StageTimes(1, 1, 10, 0), StageTimes(1, 1, 1, 0)]
    assert [stage_ms(each, "encode+decode") for each in times] == [11, 11, 2]
    stats = stage_stats(times)
    assert tuple(stats) == STAGES
    assert stats["encode+decode"].p50_ms == 11
    assert stats["total"].p50_ms == 12
