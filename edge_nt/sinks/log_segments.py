"""Result lines of weeks: the file being written, rotated ones before it, and which frames of which files are done.

``results.jsonl`` grows to a size, is then renamed to ``results-<number of its first frame>.jsonl``, and the oldest of
those go once all together pass a limit. Before a file is renamed, everything done so far is written to ``done.npz``,
20 bytes a file, so what is known to be done does not depend on which lines are kept. ``writer.lock`` is held while a
process writes here, and is free again when it dies.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_nt.errors import InputError
from edge_nt.process_lock import process_lock
from edge_nt.sinks.line_file import LineFile
from edge_nt.sinks.result_line import FileFrame, file_frame, file_frame_of_line, whole_number
from edge_nt.sources.file_ledger import FileLedger
from edge_nt.sources.output_folder import DONE_MARK, LOCK_MARK
from edge_nt.sources.source import FilePlace

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogLimits:
    """How large a file of lines grows, how many bytes of rotated ones are kept, and how often lines reach the disk.

    `sync_every_s` 0 waits for the disk at every line: who deletes a file once its line is seen may rely on the line.
    A line that a power cut takes costs no more than its frame being done again, so once a second will do for a live
    source, which should not wait for a slow disk thirty times a second.
    """

    segment_bytes: int = 64 << 20
    kept_bytes: int = 1 << 30
    sync_every_s: float = 0.0


class LogSegments:
    """The lines of an output folder that outlives the process which writes it. One thread writes; any may ask `done`.

    `next_number` is the number of the next line; `damaged_lines` counts lines found that are no result.
    """

    def __init__(self, path: Path, limits: LogLimits) -> None:
        self._path = path
        self._limits = limits
        self._ledger = FileLedger()
        self._done_path = path.with_name(DONE_MARK)
        # The number of the first line in the file being written, None while it is empty.
        self._first: int | None = None
        self._held = ExitStack()
        self.next_number = 0
        self.damaged_lines = 0

    def __enter__(self) -> LogSegments:
        with ExitStack() as stack:
            if not stack.enter_context(process_lock(self._path.with_name(LOCK_MARK))):
                raise InputError(
                    expected="an output folder that no other process writes to",
                    got=f"{self._path.parent}, in use",
                    fix="stop the other edge-nt, or choose another folder",
                )
            self._lines = LineFile(self._path, self._limits.sync_every_s)
            with self._lines:
                self._take_over()
            if self.damaged_lines:
                words = "%d lines of earlier processes in %s are no results; their frames count as not done"
                _log.warning(words, self.damaged_lines, self._path.parent)
            self._lines.__enter__()
            self._held = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._held:
            self._lines.__exit__(kind, error, trace)

    def done(self, place: FilePlace) -> bool:
        """Whether the line of the frame at `place` has been written, by this process or one before it."""
        return place in self._ledger

    def write(self, line: Mapping[str, Any], place: FilePlace | None) -> None:
        """Append a line with its `number`. Raises: InputError when the disk has no room for it; it is absent then."""
        try:
            if self._lines.size_bytes >= self._limits.segment_bytes:
                self._rotate()
            self._lines.write(line)
        except OSError as error:
            raise InputError(
                expected=f"room for results in {self._path.parent}",
                got=str(error),
                fix="make room; what is not written yet is done again at the next start",
            ) from error
        self._count(line["number"], None if place is None else file_frame(place))

    def _take_over(self) -> None:
        rotated = self._rotated()
        if self._done_path.exists():
            self.next_number = self._ledger.read(self._done_path)
            rotated = []
        for path in (*rotated, self._path):
            self._first = None
            for line in self._results(path):
                self._count(line["number"], file_frame_of_line(line))

    def _count(self, number: int, done: FileFrame | None) -> None:
        if self._first is None:
            self._first = number
        self.next_number = max(self.next_number, number + 1)
        if done is not None:
            self._ledger.add_frame(done.digest, done.frame, done.frames)

    def _results(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as lines:
            for text in lines:
                try:
                    line = json.loads(text)
                    whole_number(line["number"])
                    file_frame_of_line(line)
                except (ValueError, KeyError, TypeError, RecursionError):
                    self.damaged_lines += 1
                else:
                    yield line

    def _rotate(self) -> None:
        # Lines, list, name, in this order: a kill in between forgets no frame, and a power cut leaves no frame in the
        # list whose line is lost.
        self._lines.sync()
        self._ledger.write(self._done_path, self.next_number)
        first = self.next_number if self._first is None else self._first
        self._lines.__exit__(None, None, None)
        try:
            self._path.replace(self._path.with_name(f"{self._path.stem}-{first:010d}{self._path.suffix}"))
            self._first = None
            self._drop_oldest()
        finally:
            self._lines.__enter__()

    def _drop_oldest(self) -> None:
        kept = 0
        for path in reversed(self._rotated()):
            kept += path.stat().st_size
            if kept > self._limits.kept_bytes:
                path.unlink()

    def _rotated(self) -> list[Path]:
        """Oldest first."""
        return sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"))
