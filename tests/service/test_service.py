"""The life of a service: warm-up, frames, stalls, losses and the end."""

import json
import logging
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hand_fed_service import HandFed, Running, serving, until

from edge_nt.errors import EdgeNtError, InputError, MissingDependencyError
from edge_nt.service.page_pictures import PagePictures
from edge_nt.service.recent import Recent
from edge_nt.sources.source import FilePlace
from edge_nt.stream.file_guard import FileGuard
from edge_nt.stream.live_run import LiveSummary


def _lines(running: Running) -> list[dict]:
    return [json.loads(line) for line in (running.out / "results.jsonl").read_text().splitlines()]


def test_stopping_takes_less_than_a_second_with_everything_taken_written(
    bundle_folder: Path, tmp_path: Path, scans: list[np.ndarray]
) -> None:
    with serving(bundle_folder, tmp_path / "out") as running:
        running.start()
        for pixels in scans * 5:
            running.source.give(pixels)
        until(lambda: running.service.snapshot().counts.done > 3)
        start = time.monotonic()
        running.service.stop()
        running.join()
        assert time.monotonic() - start < 1
        (summary,) = running.outcome
    assert isinstance(summary, LiveSummary)
    assert summary.stopped
    assert summary.counts.taken == summary.counts.done == len(_lines(running))
    assert summary.counts.offered == summary.counts.taken + summary.counts.dropped


def test_a_stop_during_warm_up_ends_it(bundle_folder: Path, tmp_path: Path) -> None:
    with serving(bundle_folder, tmp_path / "out") as running:
        running.service.stop()
        running.service.warm_up()
        running.start()
        running.join()
        (summary,) = running.outcome
        assert summary.stopped
        assert summary.counts.done == 0


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (InputError(expected="/dev/video0", got="no such device", fix="plug it in"), "no such device"),
        (RuntimeError("a defect"), "a defect"),
    ],
)
def test_a_lost_source_ends_it_with_an_exit_code_that_lets_systemd_try_again(
    loss: Exception, words: str, running: Running, scans: list[np.ndarray]
) -> None:
    running.feed(*scans[:2])
    running.source.lose(loss)
    running.join()
    (error,) = running.outcome
    assert isinstance(error, MissingDependencyError)
    # 1 and 2 are what RestartPreventExitStatus names in the unit.
    assert error.exit_code == 3
    assert words in str(error)


def test_a_source_that_ends_by_itself_is_no_error(running: Running, scans: list[np.ndarray]) -> None:
    running.feed(*scans[:2])
    running.source.lose(None)
    running.join()
    (summary,) = running.outcome
    assert summary.counts.done == 2
    assert not summary.stopped


def test_events_are_logged_where_something_changed(
    bundle_folder: Path,
    tmp_path: Path,
    scans: list[np.ndarray],
    broken_frame: EdgeNtError,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "edge_nt")
    with serving(bundle_folder, tmp_path / "out", stalled_after_s=0.3) as running:
        running.start()
        running.feed(*scans[:3], *[np.zeros((240, 320), np.uint8)] * 3)
        running.source.give(broken_frame, "broken.png")
        until(lambda: "frame failed: broken.png" in caplog.text)
        until(lambda: "not ready: no frame for" in caplog.text)
        running.feed(scans[0])
        until(lambda: "frames come again" in caplog.text)
    states = [record.getMessage() for record in caplog.records if "OOD state" in record.getMessage()]
    assert any(state.startswith("OOD state: out of distribution") for state in states)
    assert all(first != second for first, second in pairwise(states))


def test_a_trace_is_bounded_however_long_the_service_runs(running: Running, scans: list[np.ndarray]) -> None:
    running.feed(scans[0])
    finished, recent = running.service.recent.newest.finished, Recent()
    for _ in range(9000):
        recent.add(finished, "ok")
    trace = recent.trace()
    assert len(trace) == 7200
    assert trace[-1].number == 9000
    assert recent.trace(after=8998) == trace[-2:]


def test_a_trace_is_of_a_minute_at_any_rate(
    running: Running, scans: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    running.feed(scans[0])
    finished, recent = running.service.recent.newest.finished, Recent()
    for frame in range(61 * 70):
        monkeypatch.setattr(time, "time", lambda at_s=1e9 + frame / 61: at_s)
        recent.add(finished, "ok")
    trace = recent.trace()
    assert trace[-1].at_s - trace[0].at_s == pytest.approx(60, abs=0.02)
    assert recent.latency().frames == pytest.approx(61 * 60, abs=1)


def test_the_figures_of_the_display_are_computed_once_a_frame_however_many_ask(
    running: Running, scans: list[np.ndarray]
) -> None:
    pictures = PagePictures(lambda: running.service.recent.newest)
    running.feed(scans[0])
    first = running.service.recent.newest
    found = pictures.display_figures(first)
    assert pictures.display_figures(first) is found
    running.feed(scans[1])
    assert pictures.display_figures(running.service.recent.newest).mae != found.mae


def test_latencies_are_those_of_the_last_minute_however_slow_the_source(
    running: Running, scans: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    running.feed(scans[0])
    recent = running.service.recent
    assert recent.latency().frames == 1
    in_a_minute_s = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: in_a_minute_s)
    assert recent.latency() is None
    recent.add(recent.newest.finished, "ok")
    assert recent.latency().frames == 1


def test_pictures_are_encoded_only_when_asked_for_and_not_again(running: Running, scans: list[np.ndarray]) -> None:
    asked, now_s = [], [0.0]

    def newest():
        asked.append(now_s[0])
        return running.service.recent.newest

    pictures = PagePictures(newest, clock=lambda: now_s[0])
    running.feed(scans[0])
    assert not asked
    first = pictures.png("scan")
    running.feed(*scans[1:3])
    assert pictures.png("scan") is not None
    # The very same bytes, for a quarter of a second.
    assert pictures.png("scan")[1] is first[1]
    now_s[0] = 0.25
    assert pictures.png("scan")[0] == 3
    assert pictures.png("scan", 1)[1] is first[1]
    for turn in range(4):
        running.feed(scans[turn])
        now_s[0] += 0.25
        pictures.shown()
    assert pictures.png("scan", 1) is None


def test_a_file_that_is_read_for_ever_makes_the_service_not_ready(bundle_folder: Path, tmp_path: Path) -> None:
    with FileGuard(tmp_path, 1) as guard:
        source = HandFed(live=False)
        with serving(bundle_folder, tmp_path / "out", source=source, guard=guard, stalled_after_s=0.05) as running:
            running.start()
            until(lambda: running.service.not_ready() is None)
            with guard.opening(FilePlace(Path("/scans/1.avi"), 100, 1)):
                until(lambda: running.service.not_ready() == "a file being read for 0 s")
            assert running.service.not_ready() is None
