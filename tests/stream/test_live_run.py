"""A live run: exact counts, and what slow and broken frames cost."""

import struct
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import paced_scans
import pytest
from paced_scans import PacedScans
from result_lines import lines
from threaded_run import Crew, running, wait_until

from edge_nt.errors import InputError
from edge_nt.imaging.frame import Frame
from edge_nt.sinks.result_log import ResultLog
from edge_nt.stream.live_run import LiveRun, StreamCounts


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
