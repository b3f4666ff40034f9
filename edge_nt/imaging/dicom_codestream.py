"""What a compressed frame says of itself, checked before any decoder allocates memory on its word."""

from __future__ import annotations

import struct
from itertools import pairwise

from pydicom import uid

from edge_nt.imaging.container import START_OF_FRAME

JPEG_2000 = (
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
)
_JPEG_START = b"\xff\xd8"
# Adobe's marker with the transform "none", which tells libjpeg that the three components are RGB.
_ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
_JFIF = 0xE0
# Of lossy, lossless and arithmetic JPEG, and of JPEG-LS; the gaps are tables.
_STARTS_OF_FRAME = START_OF_FRAME | {0xF7}
_START_OF_SCAN = 0xDA
_RGB_IDS = (b"RGB", b"rgb")
_RLE_HEADER_BYTES, _RLE_SEGMENTS = 64, 15
# Two bytes of a run become at most 128; what cannot exceed this is decoded without counting first.
_RLE_GAIN, _RLE_HARMLESS_BYTES = 64, 256 << 20


def refuse_other_size(data: bytes, syntax: uid.UID, height: int, width: int) -> None:
    """Raises: ValueError when a JPEG or JPEG 2000 frame is not of the size that the DICOM header declares."""
    if syntax in JPEG_2000:
        if not data.startswith(b"\xff\x4f\xff\x51"):
            raise ValueError("damaged DICOM (no JPEG 2000 codestream in a frame)")
        right, bottom, left, top = struct.unpack_from(">IIII", data, 8)
        size = bottom - top, right - left
    else:
        size = struct.unpack_from(">HH", data, _markers(data)[0] + 5)
    if size != (height, width):
        raise ValueError(f"DICOM of {width}x{height} px around a picture of {size[1]}x{size[0]} px")


def refuse_rle_bomb(data: bytes, segments: int, plane_bytes: int) -> None:
    """Raises: ValueError when a run-length coded frame has other than `segments` planes of `plane_bytes` each."""
    if len(data) < _RLE_HEADER_BYTES:
        raise ValueError("truncated DICOM (no header of a run-length coded frame)")
    count, *offsets = struct.unpack_from(f"<{_RLE_SEGMENTS + 1}I", data)
    bounds = [*offsets[: min(count, _RLE_SEGMENTS)], len(data)]
    if count != segments or any(a >= b for a, b in pairwise(bounds)):
        raise ValueError(f"damaged DICOM ({count} run-length coded planes, expected {segments} one after another)")
    for start, end in pairwise(bounds):
        if (end - start) * _RLE_GAIN > _RLE_HARMLESS_BYTES and _unpacks_to_more(data, start, end, plane_bytes + 1):
            raise ValueError(f"damaged DICOM (a run-length coded plane of more than {plane_bytes} bytes)")


def _unpacks_to_more(data: bytes, start: int, end: int, most_bytes: int) -> bool:
    place, total = start, 0
    while place < end and total <= most_bytes:
        run = data[place]
        if run < 128:
            total += run + 1
            place += run + 2
        elif run > 128:
            total += 257 - run
            place += 2
        else:
            place += 1
    return total > most_bytes


def with_rgb_marker(data: bytes) -> bytes:
    """A JPEG whose DICOM header says RGB, so marked that libjpeg leaves its colours as they are.

    A JFIF marker says more than the header, as do component names; an Adobe marker of its own follows and is obeyed.
    """
    frame, markers = _markers(data)
    names = data[frame + 10 : frame + 19 : 3]
    if _JFIF in markers or names in _RGB_IDS:
        return data
    return _JPEG_START + _ADOBE_RGB + data[2:]


def _markers(data: bytes) -> tuple[int, set[int]]:
    """Where the frame header of a JPEG stands, and the kinds of all markers before it."""
    if not data.startswith(_JPEG_START):
        raise ValueError("damaged DICOM (no JPEG in a frame)")
    place, kinds = 2, set[int]()
    while place + 4 <= len(data) and data[place] == 0xFF:
        kind = data[place + 1]
        if kind == 0xFF:
            place += 1
            continue
        if kind in _STARTS_OF_FRAME:
            return place, kinds
        kinds.add(kind)
        place += 2 + int(struct.unpack_from(">H", data, place + 2)[0])
    raise ValueError("damaged DICOM (a JPEG without a frame header)")
