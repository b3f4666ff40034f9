"""One JSON line a frame: the record of a stream, which numbers its frames and is written after all other sinks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_nt.sinks.line_file import LineFile
from edge_nt.sinks.log_segments import LogLimits, LogSegments
from edge_nt.sinks.result_line import failure_line, frame_line
from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.sources.file_ledger import LAST_FRAME
from edge_nt.sources.output_folder import OUTPUT_MARK
from edge_nt.sources.source import FilePlace

RESULTS_NAME = OUTPUT_MARK
# A run's folder gets its name when all is written, so its lines need not reach the disk one by one.
_NEVER_S = float("inf")


class ResultLog:
    """Writes ``results.jsonl`` in a folder. `count` is the number of the next frame.

    `files_passed_over` counts files that a restarted source came to and of which frames were done before.

    Without `limits` the folder is new and frames count from 0. With them the folder is that of a service: what an
    earlier process wrote is continued after its last whole line, files are rotated, `done` says which frames of which
    files have their line, and another process that writes here is refused when the log is entered (InputError).
    `verdict` stands in every line: the state of the bundle's admission, null for a bundle that was never asked for one.
    So do the first 12 digits of `bundle`, the SHA-256 of its bundle.json: what is written by two models stays apart.
    """

    def __init__(
        self, folder: Path, verdict: str | None, limits: LogLimits | None = None, *, bundle: str | None = None
    ) -> None:
        path = folder / RESULTS_NAME
        self._lines = LineFile(path, _NEVER_S) if limits is None else LogSegments(path, limits)
        self._of_bundle = {"verdict": verdict, "bundle": None if bundle is None else bundle[:12]}
        self.count = self.files_passed_over = 0

    def __enter__(self) -> ResultLog:
        self._lines.__enter__()
        if isinstance(self._lines, LogSegments):
            self.count = self._lines.next_number
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.__exit__(kind, error, trace)

    @property
    def damaged_lines(self) -> int:
        """How many lines of earlier processes are no results; their frames count as not done."""
        return self._lines.damaged_lines if isinstance(self._lines, LogSegments) else 0

    def done(self, place: FilePlace) -> bool:
        """Whether the frame at `place` has its line, so that a restarted source passes it over. Asked by any thread."""
        done = isinstance(self._lines, LogSegments) and self._lines.done(place)
        # A source asks once for a file as a whole, by its last frame, or frame by frame.
        self.files_passed_over += done and place.frame in (0, LAST_FRAME)
        return done

    def add(self, frame: FinishedFrame, said: Mapping[str, Any], output_ms: float) -> None:
        """Write the line of a frame with what its sinks said; `output_ms` is what bringing it to their form took.

        Raises: InputError when a service's disk is full.
        """
        self._write(frame_line(self.count, frame, said, output_ms), frame.offer.place)

    def add_failure(self, failed: FailedFrame) -> None:
        """Write the line of a frame that could not be read or reconstructed. Raises: as `add`."""
        self._write(failure_line(self.count, failed), failed.offer.place)

    def _write(self, line: Mapping[str, Any], place: FilePlace | None) -> None:
        whole = {**line, **self._of_bundle}
        if isinstance(self._lines, LogSegments):
            self._lines.write(whole, place)
        else:
            self._lines.write(whole)
        self.count += 1
