"""Faults in a JPEG's headers that change no pixel, taken out: libjpeg tells of the first fault of a picture alone.

What follows the first would go unheard, damage among it. Each of these is written by devices in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_nt.imaging.container import START_OF_FRAME

# Stuffed bytes, restart marks and fill are none.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_APP0, _APP14 = 0xE0, 0xEE
# Baseline and extended sequential, whose one scan a component holds all 64 coefficients.
_SEQUENTIAL = (0xC0, 0xC1)
_ALL_COEFFICIENTS = b"\x00\x3f\x00"
_JFIF_MAJOR_AT, _ADOBE_TRANSFORM_AT = 5, 11
# By components, those that libjpeg knows: none, and last what it takes others for, YCbCr or YCCK.
_TRANSFORMS = {3: (0, 1), 4: (0, 2)}


def without_harmless_faults(data: bytes) -> bytes:
    """A JPEG whose headers say what libjpeg assumes anyhow: JFIF 1, a known transform of Adobe, whole sequential scans.

    For a file that `edge_nt.imaging.container` has walked to its end; the pixels stay the same.
    """
    mended, segments = bytearray(data), list(_segments(data))
    headers = {marker: data[start:end] for marker, start, end in segments if marker in START_OF_FRAME}
    sequential = any(marker in _SEQUENTIAL for marker in headers)
    components = max((header[5] for header in headers.values() if len(header) > 5), default=0)
    for marker, start, end in segments:
        payload = data[start:end]
        if marker == _APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 14:
            mended[start + _JFIF_MAJOR_AT] = 1
        elif marker == _APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
            known = _TRANSFORMS.get(components, range(256))
            if payload[_ADOBE_TRANSFORM_AT] not in known:
                mended[start + _ADOBE_TRANSFORM_AT] = known[-1]
        elif marker == _START_OF_SCAN and sequential and len(payload) >= 4:
            mended[end - 3 : end] = _ALL_COEFFICIENTS
    return bytes(mended)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the payload of every segment; the coded data after a scan's header is passed over."""
    at = 2
    while (found := _MARKER.search(data, at)) is not None and data[found.start() + 1] != _END_OF_IMAGE:
        start = found.end() + 2
        at = found.end() + int.from_bytes(data[found.end() : start], "big")
        yield data[found.start() + 1], start, min(at, len(data))
