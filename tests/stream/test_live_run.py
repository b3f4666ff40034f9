"""A live run: exact counts, an end within a second, and what slow, broken and unwritable frames cost."""

import json
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import paced_scans
import pytest
from paced_scans import DeadGrabber, PacedScans

from edge_nt.errors import InputError
from edge_nt.imaging.frame import Frame
from edge_nt.runtime.crew import load_crew
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.pictures import Pictures
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.sources.source import Offer
from edge_nt.stream.live_run import LiveRun, LiveSummary, StreamCounts

Crew = tuple[Reconstructor, ...]


@pytest.fixture
def crew(bundle_folder: Path) -> Crew:
    return load_crew(bundle_folder, jobs=2, threads=1, backend="onnxruntime")


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


@contextmanager
def running(live: LiveRun) -> Iterator[list[LiveSummary]]:
    """The run in a thread of its own; its summary is in the list once the block is left."""
    summaries: list[LiveSummary] = []
    runner = threading.Thread(target=lambda: summaries.append(live.run()))
    runner.start()
    yield summaries
    runner.join()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def check(counts: StreamCounts) -> None:
    assert counts.offered == counts.taken + counts.dropped + counts.waiting
    assert counts.taken == counts.done + counts.failed + counts.under_way
    assert min(counts.under_way, counts.waiting, counts.dropped) >= 0


@pytest.mark.parametrize("frames", [0, 1, 50])
def test_a_source_that_is_not_live_loses_nothing(crew: Crew, tmp_path: Path, frames: int) -> None:
    with ResultLog(tmp_path, None) as log:
        summary = LiveRun(crew, PacedScans(frames, 0.0, live=False), (), log).run()
    assert (summary.counts.offered, summary.counts.done, summary.counts.dropped) == (frames, frames, 0)
    assert [line["file"] for line in lines(tmp_path)] == [f"frame {number}" for number in range(frames)]
    assert (summary.stopped, summary.source_stuck) == (False, False)


@pytest.mark.parametrize("period_s", [0.0, 0.002])
def test_in_and_dropped_are_offered_at_every_moment(crew: Crew, tmp_path: Path, period_s: float) -> None:
    frames = int(0.3 / max(period_s, 0.0001))
    with ResultLog(tmp_path, None) as log, running(live := LiveRun(crew, PacedScans(frames, period_s), (), log)) as end:
        while not end:
            check(live.counts())
    counts = live.counts()
    check(counts)
    assert (counts.offered, counts.under_way, counts.waiting) == (frames, 0, 0)
    assert counts.done == len(lines(tmp_path))


def test_drops_are_those_frames_that_have_no_line_and_the_newest_stay(crew: Crew, tmp_path: Path) -> None:
    busy = threading.Event()

    def hold(number: int) -> Frame:
        if number < 2:
            busy.wait(30)
        return paced_scans.decode(number)

    source = PacedScans(20, 0.005, hold)
    with ResultLog(tmp_path, None) as log, running(live := LiveRun(crew, source, (), log, waiting=3)):
        # Both jobs hold frames 0 and 1; of the 18 others 3 may wait.
        wait_until(lambda: live.counts().offered == 20)
        assert live.counts() == StreamCounts(20, 2, 15, 3, 0, 0, 2, 0)
        busy.set()
    assert live.counts() == StreamCounts(20, 5, 15, 0, 5, 0, 0, 0)
    assert [line["file"] for line in lines(tmp_path)] == [f"frame {number}" for number in (0, 1, 17, 18, 19)]


def test_a_frame_of_300_ms_at_30_fps_drops_nothing(crew: Crew, tmp_path: Path) -> None:
    def slow(number: int) -> Frame:
        time.sleep(0.3 if number == 5 else 0.0)
        return paced_scans.decode(number)

    with ResultLog(tmp_path, None) as log:
        counts = LiveRun(crew, PacedScans(20, 1 / 30, slow), (), log).run().counts
    assert (counts.done, counts.dropped) == (20, 0)
    assert [line["file"] for line in lines(tmp_path)] == [f"frame {number}" for number in range(20)]


def test_a_frame_that_never_ends_costs_what_is_beyond_the_bounds_and_the_end_leaves_it(
    crew: Crew, tmp_path: Path
) -> None:
    said: list[str] = []
    never = threading.Event()

    def hang(number: int) -> Frame:
        if number == 0:
            never.wait(30)
        return paced_scans.decode(number)

    source = PacedScans(40, 0.01, hang)
    with ResultLog(tmp_path, None) as log, running(live := LiveRun(crew, source, (), log, say=said.append)) as end:
        wait_until(lambda: live.counts().offered == 40)
        # 14 are in flight (one a job, 12 behind the slow one), 4 wait: all others are dropped, and counted.
        wait_until(lambda: live.counts() == StreamCounts(40, 14, 22, 4, 0, 0, 14, 0))
        asked = time.monotonic()
        live.stop()
    assert time.monotonic() - asked < 1
    never.set()
    # The one that hangs is left behind; those that were done behind it are written.
    assert end[0].counts == StreamCounts(40, 14, 26, 0, 13, 0, 1, 0)
    assert [line["file"] for line in lines(tmp_path)] == [f"frame {number}" for number in range(1, 14)]
    assert said == ["1 frames did not come back in time, and were written nowhere"]


@pytest.mark.parametrize("kind", ["live", "files", "dead"])
def test_sigterm_ends_a_real_process_within_a_second_with_everything_taken_written(
    bundle_folder: Path, tmp_path: Path, kind: str
) -> None:
    command = [sys.executable, paced_scans.__file__, kind, str(bundle_folder), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: len(list(tmp_path.glob("reconstructions/*.png"))) >= 10)
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        output, errors = process.communicate(timeout=30)
        took_s = time.monotonic() - asked
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


UNFORESEEN = [
    cv2.error("OpenCV(5) :1: error:\n(-215) size.width < (1<<20)"),
    struct.error("unpack requires a buffer of 4 bytes"),
    MemoryError(),
    RecursionError("maximum recursion depth exceeded"),
    OSError(5, "Input/output error"),
    InputError(expected="pixels", got="none", fix="scan again"),
]


def test_any_exception_of_one_frame_costs_that_frame_and_names_it_and_its_type(crew: Crew, tmp_path: Path) -> None:
    def decode(number: int) -> Frame:
        if number % 2:
            raise UNFORESEEN[number // 2]
        return paced_scans.decode(number)

    source = PacedScans(2 * len(UNFORESEEN), 0.0, decode, live=False)
    with ResultLog(tmp_path, None) as log:
        counts = LiveRun(crew, source, (), log).run().counts
    assert (counts.done, counts.failed) == (len(UNFORESEEN), len(UNFORESEEN))
    errors = [line["error"] for line in lines(tmp_path)[1::2]]
    types = ("cv2.error", "struct.error", "MemoryError", "RecursionError", "OSError")
    for number, (error, name) in enumerate(zip(errors[:-1], types, strict=True)):
        assert f"Got {name} for frame {2 * number + 1}: " in error
        assert "(at edge_nt.stream.stream:" in error
        assert "> test_live_run:" in error
        assert "\n" not in error
    assert errors[-1] == str(UNFORESEEN[-1])


def test_an_exception_inside_the_reconstruction_costs_that_frame(crew: Crew, tmp_path: Path) -> None:
    def decode(number: int) -> Frame:
        # Beyond what the preprocessing's resizing takes: a real error of a real library, far from our checks.
        pixels = np.zeros((1, 40_000), np.uint8).T[:, :0] if number == 1 else paced_scans.PIXELS
        frame = Frame(paced_scans.PIXELS, f"frame {number}")
        object.__setattr__(frame, "pixels", pixels)
        return frame

    with ResultLog(tmp_path, None) as log:
        counts = LiveRun(crew, PacedScans(3, 0.0, decode, live=False), (), log).run().counts
    assert (counts.done, counts.failed) == (2, 1)
    assert "for frame 1: " in lines(tmp_path)[1]["error"]
    assert "(at edge_nt.imaging.letterbox:" in lines(tmp_path)[1]["error"]


class FullDisk(Pictures):
    """Pictures on a disk without room (the real /dev/full), or with a defect of ours, from some frame on."""

    def __init__(self, folder: Path, from_frame: int, defect: Exception | None = None) -> None:
        super().__init__(folder)
        self.from_frame, self.defect = from_frame, defect

    def prepare(self, frame: FinishedFrame) -> Callable[[int], Mapping[str, Any]]:
        write = super().prepare(frame)

        def write_or_fail(number: int) -> Mapping[str, Any]:
            if number < self.from_frame:
                return write(number)
            if self.defect is not None:
                raise self.defect
            with Path("/dev/full").open("wb", buffering=0) as full:
                full.write(b"x")
            return {}

        return write_or_fail


@pytest.mark.parametrize("defect", [None, IndexError("list index out of range")])
def test_a_sink_that_cannot_write_is_counted_and_said_once_while_the_others_go_on(
    crew: Crew, tmp_path: Path, defect: Exception | None
) -> None:
    said: list[str] = []
    sinks = (FullDisk(tmp_path / "full", 5, defect), Pictures(tmp_path))
    with ResultLog(tmp_path, None) as log:
        for sink in sinks:
            (tmp_path / "full").mkdir(exist_ok=True)
            sink.__enter__()
        counts = LiveRun(crew, PacedScans(25, 0.0, live=False), sinks, log, say=said.append).run().counts
    assert (counts.done, counts.write_errors) == (25, 20)
    assert len(list((tmp_path / "reconstructions").iterdir())) == 25
    assert [line.get("not_written") for line in lines(tmp_path)] == [None] * 5 + [["FullDisk"]] * 20
    assert len(said) == 1
    assert "FullDisk could not be written" in said[0]
    # A full disk says so itself; a defect is named with where it is.
    place = "IndexError: list index out of range at edge_nt.stream.stream:"
    assert ("No space left" if defect is None else place) in said[0]


def test_a_log_that_cannot_write_does_not_end_the_stream(crew: Crew, tmp_path: Path) -> None:
    said: list[str] = []
    written: list[FinishedFrame | FailedFrame] = []
    with ResultLog(tmp_path, None) as log:
        log.add = lambda *_: Path("/dev/full").write_bytes(b"x")
        source = PacedScans(5, 0.0, live=False)
        counts = LiveRun(crew, source, (), log, say=said.append, on_frame=written.append).run().counts
    assert (counts.done, counts.write_errors, len(written), len(said)) == (5, 5, 5, 1)


def test_an_error_of_the_caller_ends_the_run_and_its_threads(crew: Crew, tmp_path: Path) -> None:
    before = threading.active_count()

    def refuse(frame: FinishedFrame | FailedFrame) -> None:
        raise KeyboardInterrupt

    with ResultLog(tmp_path, None) as log:
        live = LiveRun(crew, PacedScans(10**6, 0.001), (), log, on_frame=refuse)
        with pytest.raises(KeyboardInterrupt):
            live.run()
    assert threading.active_count() == before
