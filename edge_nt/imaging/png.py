"""A PNG file without what says nothing about its pixels."""

from __future__ import annotations

import struct

_SIGNATURE_BYTES = 8
# Length, name and checksum around the content of a chunk.
_FRAME_BYTES = 12
# In a chunk's name, a lower-case first letter says that a decoder may pass it over (PNG specification, 5.4).
_ANCILLARY_BIT = 0x20


def pixel_chunks(data: bytes) -> bytes:
    """The same PNG with only its critical chunks and `tRNS`: the same pixels, whatever else the file carried.

    Broken colour profiles and texts, which libpng reports on stderr, are gone, and so are the animation chunks, with
    which OpenCV gives a frame other than the picture in the file. `data` is a PNG that `read_container` accepted.
    """
    kept, start = [data[:_SIGNATURE_BYTES]], _SIGNATURE_BYTES
    name = b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, start)
        end = start + _FRAME_BYTES + length
        if not name[0] & _ANCILLARY_BIT or name == b"tRNS":
            kept.append(data[start:end])
        start = end
    return b"".join(kept)
