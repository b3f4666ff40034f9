"""The end of a live run: within a second of being asked to, and after whatever its source or its caller does."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import paced_scans
import pytest
from paced_scans import DeadGrabber, PacedScans
from result_lines import lines
from threaded_run import Crew, running, wait_until

from edge_nt.errors import InputError
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.sources.source import Offer
from edge_nt.stream.live_run import LiveRun, StreamCounts


@pytest.mark.parametrize("kind", ["live", "files", "dead"])
def test_sigterm_ends_a_real_process_within_a_second_with_everything_taken_written(
    bundle_folder: Path, tmp_path: Path, kind: str
) -> None:
    command = [sys.executable, paced_scans.__file__, kind, str(bundle_folder), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            # Fewer than the dead grabber offers, of which a busy machine drops some.
            wait_until(lambda: len(list(tmp_path.glob("reconstructions/*.png"))) >= 5)
            process.send_signal(signal.SIGTERM)
            asked = time.monotonic()
            output, errors = process.communicate(timeout=30)
            took_s = time.monotonic() - asked
        finally:
            process.kill()  # else a failure would wait for a process that nobody stops
    assert process.returncode == 0
    assert took_s < 1
    ended = json.loads(output)
    # Every line is whole, and names a picture that is whole: nothing taken is lost, nothing is half written.
    written = lines(tmp_path)
    assert ended == {"done": len(written), "under_way": 0, "lines": len(written)}
    for line in written:
        assert cv2.imread(str(tmp_path / line["reconstruction"])) is not None
    assert ("dead grabber did not stop in time" in errors) == (kind == "dead")


def test_a_dead_grabber_is_left_behind_within_a_second_and_said(crew: Crew, tmp_path: Path) -> None:
    said: list[str] = []
    for live_source in (True, False):
        with ResultLog(tmp_path, None) as log:
            live = LiveRun(crew, DeadGrabber(3, 0.0, live=live_source), (), log, say=said.append)
            with running(live) as end:
                wait_until(lambda live=live: live.counts().done == 3)
                asked = time.monotonic()
                live.stop()
                live.stop()
            assert time.monotonic() - asked < 1
        assert end[0].source_stuck
        assert end[0].counts.done == 3
    assert said == ["dead grabber did not stop in time, and was left behind"] * 2


def test_a_stop_before_the_run_ends_it_at_once(crew: Crew, tmp_path: Path) -> None:
    with ResultLog(tmp_path, None) as log:
        live = LiveRun(crew, PacedScans(10**6, 0.01), (), log)
        live.stop()
        summary = live.run()
    assert summary.stopped
    assert summary.seconds < 1


class LostCamera(PacedScans):
    """Is unplugged after its frames."""

    def offers(self) -> Iterator[Offer]:
        yield from super().offers()
        raise InputError(expected="a camera", got="none", fix="plug it in")


def test_a_lost_source_is_raised_after_the_frames_it_gave_are_written(crew: Crew, tmp_path: Path) -> None:
    with ResultLog(tmp_path, None) as log:
        live = LiveRun(crew, LostCamera(12, 0.0, live=False), (), log)
        with pytest.raises(InputError, match="plug it in"):
            live.run()
    assert live.counts() == StreamCounts(12, 12, 0, 0, 12, 0, 0, 0)
    assert len(lines(tmp_path)) == 12


def test_an_error_of_the_caller_ends_the_run_and_its_threads(crew: Crew, tmp_path: Path) -> None:
    before = threading.active_count()

    def refuse(frame: FinishedFrame | FailedFrame) -> None:
        raise KeyboardInterrupt

    with ResultLog(tmp_path, None) as log:
        live = LiveRun(crew, PacedScans(10**6, 0.001), (), log, on_frame=refuse)
        with pytest.raises(KeyboardInterrupt):
            live.run()
    assert threading.active_count() == before
