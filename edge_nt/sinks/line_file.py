"""A file of JSON lines that grows for weeks: never half a line, however its writer ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

from edge_nt.atomic import fsync

_BLOCK_BYTES = 1 << 16


class LineFile:
    """Appends to `path`; what a killed writer left of a last line is cut off first.

    Every line is handed to the operating system at once, so that it survives the death of this process. It survives a
    power cut after at most `sync_every_s` seconds of further lines; 0 waits for the disk at every line.
    """

    def __init__(self, path: Path, sync_every_s: float) -> None:
        self.path = path
        self._sync_every_s = sync_every_s

    def __enter__(self) -> LineFile:
        # Unbuffered: one write a line.
        self._file = self.path.open("ab", buffering=0)
        try:
            self.size_bytes = _whole_bytes(self.path)
            self._file.truncate(self.size_bytes)
            fsync(self.path.parent)
        except BaseException:
            self._file.close()
            raise
        self._synced_s = monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line, and wait for the disk where that is due.

        Raises: OSError when the disk is full or gone; nothing of the line is left then.
        """
        content = (json.dumps(line, allow_nan=False) + "\n").encode()
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[self._file.write(rest) :]
            if monotonic() - self._synced_s >= self._sync_every_s:
                # A quota or a network drive may say only now that there was no room.
                self.sync()
        except OSError:
            self._file.truncate(self.size_bytes)
            raise
        self.size_bytes += len(content)

    def sync(self) -> None:
        """Wait until every line would survive a power cut."""
        os.fsync(self._file.fileno())
        self._synced_s = monotonic()


def _whole_bytes(path: Path) -> int:
    """How much of a file is lines with their end."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK_BYTES)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
