"""One file a frame below a folder, in the two ways that streams end: all at once, or never."""

from __future__ import annotations

import os
import re
from pathlib import Path

from edge_nt.atomic import TEMPORARY_PREFIX, fsync
from edge_nt.sinks.disk_guard import DiskGuard

# A live stream makes 2.6 million files a day at 30 frames a second; folders of this many still list at once.
FILES_PER_FOLDER = 10_000
_NUMBER = re.compile(r"\d+", re.ASCII)


class FrameFiles:
    """Writes the files of frames into ``<folder>/<name>/``.

    A run's folder appears as a whole when the run ends, so its files are simply written. A `live` stream has no such
    end: each of its files appears under its name only when it is whole, 10,000 of them in a folder named by the
    first, and with `durable` it has reached the disk by then, so that it is still whole after a power cut
    (docs/sinks.md has the cost). On a disk that is nearly full it writes none (disk_guard.py).
    """

    def __init__(self, folder: Path, name: str, *, live: bool = False, durable: bool = True) -> None:
        self._folder = folder
        self._name = name
        self._live = live
        self._durable = durable
        self._swept = False
        self._guard = DiskGuard(folder)

    def start(self) -> None:
        """Make the folder, which may stand already only where a live stream goes on."""
        self._make(self._folder / self._name)

    def write(self, number: int, file_name: str, content: bytes) -> str:
        """Write one frame's file and return its path below the folder, with ``/``. Raises: OSError."""
        if not self._live:
            (self._folder / self._name / file_name).write_bytes(content)
            return f"{self._name}/{file_name}"
        self._guard.require_room()
        if not self._swept:
            self._sweep(number)
        first = number - number % FILES_PER_FOLDER
        place = f"{self._name}/{first:08d}"
        self._make(self._folder / place)
        self._write_whole(self._folder / place, file_name, content)
        return f"{place}/{file_name}"

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            if self._live and self._durable:
                fsync(folder.parent)

    def _sweep(self, number: int) -> None:
        """Remove what a killed process wrote of frames that never got their line: those are numbered and made anew."""
        for folder in (self._folder / self._name).iterdir():
            # A run that wrote here before left files, with their lines.
            if folder.is_dir() and folder.name >= f"{number - number % FILES_PER_FOLDER:08d}":
                for file in folder.iterdir():
                    written = _NUMBER.match(file.name)
                    if file.name.startswith(TEMPORARY_PREFIX) or (written and int(written[0]) >= number):
                        file.unlink()
        self._swept = True

    def _write_whole(self, folder: Path, file_name: str, content: bytes) -> None:
        temporary = folder / f"{TEMPORARY_PREFIX}{file_name}"
        try:
            with temporary.open("wb") as file:
                file.write(content)
                if self._durable:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(folder / file_name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if self._durable:
            fsync(folder)
