"""Files that are there already: every frame of each, none lost however slow the pipeline is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from edge_nt.imaging.decode import decode_image
from edge_nt.sources.source import FilePlace, Offer


class FileSource:
    """The frames of `files`, in their order. A file that cannot be read is one offer, whose decoding says why."""

    live = False

    def __init__(self, files: Sequence[Path]) -> None:
        self.name = "files"
        self._files = tuple(files)
        self._stopped = False

    def offers(self) -> Iterator[Offer]:
        """One offer a frame; each is asked for when there is room for it."""
        for path in self._files:
            if self._stopped:
                return
            place = place_of(path)
            # When a file was written is the best that is known of when its frame was taken.
            taken_at_s = time.time() if place is None else place.modified_ns / 1e9
            yield Offer(self.name, str(path), taken_at_s, partial(decode_image, path), place)

    def stop(self) -> None:
        """Give no further file."""
        self._stopped = True


def place_of(path: Path) -> FilePlace | None:
    """The only frame of the file at `path`, or None where there is no such file: decoding it will say so."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return FilePlace(path, status.st_size, status.st_mtime_ns)
