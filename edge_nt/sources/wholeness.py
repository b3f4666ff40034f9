"""Whether a file is there to its end, as far as its own container tells; nothing is decoded for it."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.container import SNIFFED_BYTES, VIDEO_KINDS, read_container, sniff
from edge_nt.imaging.decode import MAX_FILE_BYTES
from edge_nt.imaging.recording import frames_of

_MOST_BOXES = 1 << 20
# Unsized Matroska, as a recorder that was cut off leaves it: all ones below the marker bit of the length.
_SEGMENT_ID = b"\x18\x53\x80\x67"


def why_not_whole(path: Path) -> str | None:
    """Why the file cannot be whole, such as ``truncated PNG``, or None where its container is there to its end.

    A picture or DICOM file that is damaged in another way is not whole either. Raises: OSError when it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(SNIFFED_BYTES)
        kind = sniff(start)
        if kind in VIDEO_KINDS:
            return _why_no_video(file, kind)
        if kind != "dicom":
            try:
                if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
                    # No frame, which its decoder will say; nobody reads it as a whole before.
                    raise ValueError(f"a file of more than {MAX_FILE_BYTES >> 20} MiB")
                read_container(start + file.read())
            except ValueError as error:
                return str(error)
            return None
    try:
        frames_of(path)
    except MissingDependencyError:
        return None
    except InputError as error:
        return error.got
    return None


def _why_no_video(file: BinaryIO, kind: str) -> str | None:
    size = file.seek(0, os.SEEK_END)
    walk = {"avi": _avi_end, "mp4": _mp4_end, "matroska": _matroska_end}[kind]
    try:
        end = walk(file, size)
    except struct.error:
        return f"truncated {kind} video"
    return None if end is None or end <= size else f"{kind} video of {end} bytes, of which {size} are there"


def _avi_end(file: BinaryIO, size: int) -> int:
    """Where the last RIFF chunk ends; a recorder fills in its length when it closes the file, and has 0 until then."""
    end = boxes = 0
    while end < size:
        boxes = _one_more(boxes)
        file.seek(end)
        (length,) = struct.unpack("<4xI", file.read(8))
        if length == 0:
            return size + 1
        end += 8 + length + length % 2
    return end


def _mp4_end(file: BinaryIO, size: int) -> int:
    """Where the last box ends, or behind the end of the file while there is no ``moov``, without which none plays."""
    end, playable, boxes = 0, False, 0
    while end < size:
        boxes = _one_more(boxes)
        file.seek(end)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        playable |= name == b"moov"
        end = size if length == 0 else end + max(length, 8)
    return end if playable else size + 1


def _one_more(boxes: int) -> int:
    # A box may be as small as 8 bytes, and a recording of ten hours in fragments of a second has 72,000.
    if boxes == _MOST_BOXES:
        raise struct.error(f"more than {_MOST_BOXES} boxes")
    return boxes + 1


def _matroska_end(file: BinaryIO, size: int) -> int | None:
    """Where the segment ends; None where it states no length, as in a stream."""
    file.seek(4)
    header_bytes, _ = _vint(file)
    file.seek(header_bytes or 0, os.SEEK_CUR)
    if file.read(4) != _SEGMENT_ID:
        return size + 1
    length, unknown = _vint(file)
    return None if unknown else file.tell() + length


def _vint(file: BinaryIO) -> tuple[int, bool]:
    """Matroska's number of 1 to 8 bytes, and whether it is the one that stands for an unknown length."""
    (first,) = struct.unpack(">B", file.read(1))
    if first == 0:
        raise struct.error("a length of more than 8 bytes")
    more = 8 - first.bit_length()
    rest = file.read(more)
    if len(rest) < more:
        raise struct.error("a length that ends early")
    value = int.from_bytes(bytes([first & (1 << (7 - more)) - 1]) + rest, "big")
    return value, value == (1 << 7 * (more + 1)) - 1
