"""Sinks and a log that cannot write: counted and said once, and the stream goes on."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from paced_scans import PacedScans
from result_lines import lines
from threaded_run import Crew

from edge_nt.sinks.pictures import Pictures
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.stream.live_run import LiveRun


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
