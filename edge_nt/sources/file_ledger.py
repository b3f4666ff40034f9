"""Which frames of which files are done, for millions of files: 20 bytes each, in memory and on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.atomic import atomic_file
from edge_nt.errors import InputError
from edge_nt.npz import read_npz
from edge_nt.sources.source import FilePlace

# Numpy strips trailing zero bytes of a fixed-width string, so no digest may end in one.
DIGEST_BYTES = 16
_DIGEST_END = b"\x01"
_WHOLE = 0xFFFFFFFF
# The number of a frame that is done only where the whole file is.
LAST_FRAME = _WHOLE - 1
# Fifty million files.
_MOST_BYTES = 1 << 30
# Additions wait in a dict, about 150 bytes each, until so many of them are worth sorting in.
_RECENT = 1 << 16
# Of one file at once: nine minutes of a cine at 30 frames a second.
_MOST_MISSED = 1 << 14


class FileLedger:
    """The frames done of each file; those of one file are done in their order, save for what was missed on the way.

    Files are known by digests of path, size and time of writing, so what is kept does not depend on the length of
    paths, and names no patient. One thread adds; any may ask.
    """

    def __init__(self) -> None:
        self._recent: dict[bytes, int] = {}
        # Sorted digests, and how many frames of each are done.
        self._sorted: tuple[NDArray[np.bytes_], NDArray[np.uint32]] = (np.zeros(0, "S16"), np.zeros(0, np.uint32))
        # Frames before those that are done, yet without a line: the disk was full, or they did not come back.
        self._missed: dict[bytes, frozenset[int]] = {}

    def __contains__(self, place: FilePlace) -> bool:
        digest = file_digest(place)
        missed = self._missed.get(digest, frozenset())
        return place.frame < self._frames_done(digest) and not (missed and place.frame in {*missed, LAST_FRAME})

    def __len__(self) -> int:
        self._sort_in()
        return len(self._sorted[0])

    def add(self, place: FilePlace) -> None:
        """Count the frame at `place` as done; those before it that were not are kept as missed."""
        self.add_frame(file_digest(place), place.frame, place.frames)

    def add_frame(self, digest: bytes, frame: int, frames: int | None) -> None:
        """The same for a file of which only the digest is known."""
        before, done = self._frames_done(digest), frame + 1
        if frame - before > _MOST_MISSED:
            return  # A damaged line.
        missed = (self._missed.get(digest, frozenset()) | frozenset(range(before, frame))) - {frame}
        if missed:
            self._missed[digest] = missed
        else:
            self._missed.pop(digest, None)
        if frames is not None and done >= frames:
            done = _WHOLE
        self._recent[digest] = max(done, before)
        if len(self._recent) >= _RECENT:
            self._sort_in()

    def write(self, path: Path, next_number: int) -> None:
        """Write everything that is known, and the number of the next frame, whole or not at all."""
        self._sort_in()
        digests, frames_done = self._sorted
        with atomic_file(path) as temporary:
            arrays = {"digests": digests, "frames_done": frames_done, "next_number": np.int64(next_number)}
            missed = [(digest, frame) for digest, frames in self._missed.items() for frame in sorted(frames)]
            arrays["missed_digests"] = np.array([digest for digest, _ in missed], "S16")
            arrays["missed_frames"] = np.array([frame for _, frame in missed], np.uint32)
            np.savez(temporary, allow_pickle=False, **arrays)

    def read(self, path: Path) -> int:
        """Take over what `write` wrote, and return the number of the next frame. Raises: InputError when damaged."""
        try:
            arrays = read_npz(path, _MOST_BYTES)
            digests, frames_done = _digests_and_numbers(arrays, "digests", "frames_done")
            missed = _digests_and_numbers(arrays, "missed_digests", "missed_frames")
            next_number = arrays["next_number"]
            if next_number.shape != () or next_number.dtype != np.int64:
                raise ValueError("arrays of another size")
            if next_number < 0:
                raise ValueError(f"frame {next_number} as the next one")
        except (ValueError, KeyError) as error:
            raise InputError(
                expected="the list of finished files that an earlier run left",
                got=f"{path}: {error}",
                fix="restore it from a backup, or move it away; files still in the watched folder are then done again",
            ) from error
        order = np.argsort(digests)
        self._sorted = (digests[order], frames_done[order])
        self._missed = {}
        for digest, frame in zip(*(each.tolist() for each in missed), strict=True):
            self._missed[digest] = self._missed.get(digest, frozenset()) | {frame}
        return int(next_number)

    def _frames_done(self, digest: bytes) -> int:
        # The dict first: `_sort_in` fills the arrays before it empties the dict, so nothing is missed in between.
        recent = self._recent.get(digest)
        if recent is not None:
            return recent
        digests, frames_done = self._sorted
        index = int(np.searchsorted(digests, np.bytes_(digest)))
        return int(frames_done[index]) if index < len(digests) and digests[index] == digest else 0

    def _sort_in(self) -> None:
        if not self._recent:
            return
        digests = np.concatenate([np.array(list(self._recent), "S16"), self._sorted[0]])
        frames_done = np.concatenate([np.array(list(self._recent.values()), np.uint32), self._sorted[1]])
        # The first of two equal digests is kept: the recent one.
        digests, first = np.unique(digests, return_index=True)
        self._sorted = (digests, frames_done[first])
        self._recent = {}


def _digests_and_numbers(
    arrays: Mapping[str, NDArray[Any]], digests: str, numbers: str
) -> tuple[NDArray[np.bytes_], NDArray[np.uint32]]:
    """Two columns of a table. Raises: KeyError and ValueError when they are none."""
    if arrays[digests].dtype != np.dtype("S16") or arrays[numbers].dtype != np.uint32 or arrays[digests].ndim != 1:
        raise ValueError("arrays of another kind")
    if arrays[digests].shape != arrays[numbers].shape:
        raise ValueError("arrays of another size")
    return arrays[digests], arrays[numbers]


def file_digest(place: FilePlace) -> bytes:
    """16 bytes that stand for path, size and time of writing, from which none of them can be told."""
    identity = b"%s\0%d\0%d" % (os.fsencode(place.path), place.size_bytes, place.modified_ns)
    return blake2b(identity, digest_size=DIGEST_BYTES - 1).digest() + _DIGEST_END
