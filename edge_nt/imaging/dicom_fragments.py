"""Where each frame's bytes lie in a DICOM file, found from lengths and offsets alone (PS3.5 A.4)."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from itertools import pairwise
from typing import BinaryIO

from edge_nt.imaging.dicom_header import UNDEFINED_LENGTH, DicomHeader

_ITEM, _END = 0xE000FFFE, 0xE0DDFFFE
# Bytes at which a compressed picture begins: JPEG and JPEG-LS, JPEG 2000.
_STARTS = (b"\xff\xd8", b"\xff\x4f\xff\x51")
# Shorter than the headers of their codes.
_LEAST_FRAME_BYTES = 16
# Listing them takes time, so that their number has a bound beside the size of the file: two hours at 30 a second.
_MAX_FRAGMENTS = 1 << 18
# A compressed frame is held whole; it is smaller than the frame that it becomes.
_MAX_FRAME_BYTES = 512 << 20


class EncapsulatedFrames:
    """The fragments of encapsulated pixel data, grouped by frame.

    Raises: ValueError when the data ends before its end mark, or does not hold the frames that the header declares.
    """

    def __init__(self, stream: BinaryIO, header: DicomHeader) -> None:
        if header.value_bytes != UNDEFINED_LENGTH:
            raise ValueError("damaged DICOM (compressed pixel data that is not encapsulated)")
        self._starts, self._lengths = array("Q"), array("Q")
        table = self._walk(stream, header)
        # The number of the first fragment of each frame, and at the end the number of fragments.
        self._first = self._grouped(stream, header.frames, table)
        if sum(self._lengths) < _LEAST_FRAME_BYTES * header.frames:
            # A file of a hundred thousand empty frames is small, and each would have an error of its own.
            raise ValueError(f"damaged DICOM ({header.frames} compressed frames in {sum(self._lengths)} bytes)")

    def read(self, stream: BinaryIO, index: int) -> bytes:
        """The compressed bytes of frame `index`, from 0, its fragments joined."""
        numbers = range(self._first[index], self._first[index + 1])
        if sum(self._lengths[number] for number in numbers) > _MAX_FRAME_BYTES:
            raise ValueError(f"a compressed frame of more than {_MAX_FRAME_BYTES >> 20} MiB")
        return b"".join(_read_at(stream, self._starts[number], self._lengths[number]) for number in numbers)

    def _walk(self, stream: BinaryIO, header: DicomHeader) -> list[int]:
        """List the fragments, and return the basic offset table, which may be empty."""
        tag, length = _item(stream, header.value_start)
        if tag != _ITEM or length % 4 or length > 4 * _MAX_FRAGMENTS:
            raise ValueError("damaged DICOM (no offset table ahead of the compressed frames)")
        table = _read_at(stream, header.value_start + 8, length)
        base = place = header.value_start + 8 + length
        while True:
            tag, length = _item(stream, place)
            if tag == _END:
                return [base + 8 + offset for offset in struct.unpack(f"<{len(table) // 4}I", table)]
            if tag != _ITEM or length == UNDEFINED_LENGTH:
                raise ValueError("damaged DICOM (no fragment of a compressed frame where one must stand)")
            if len(self._starts) == _MAX_FRAGMENTS:
                raise ValueError(f"DICOM of more than {_MAX_FRAGMENTS} fragments of compressed frames")
            if place + 8 + length > header.file_bytes:
                raise ValueError("truncated DICOM (a compressed frame ends beyond the file)")
            self._starts.append(place + 8)
            self._lengths.append(length)
            place += 8 + length

    def _grouped(self, stream: BinaryIO, frames: int, table: list[int]) -> list[int]:
        fragments = len(self._starts)
        if frames == 1:
            first = [0]
        elif fragments == frames:
            first = list(range(frames))
        elif len(table) == frames:
            first = [bisect_left(self._starts, start) for start in table]
        else:
            first = [
                number
                for number, start in enumerate(self._starts)
                if _read_at(stream, start, min(4, self._lengths[number])).startswith(_STARTS)
            ]
        bounds = [*first, fragments]
        if len(first) != frames or bounds[0] != 0 or any(a >= b for a, b in pairwise(bounds)):
            raise ValueError(f"DICOM that declares {frames} frames and has {fragments} fragments of compressed ones")
        return bounds


def refuse_short_native(header: DicomHeader) -> None:
    """Raises: ValueError when uncompressed pixel data does not hold the frames that the header declares."""
    elements = header.elements
    samples = header.height * header.width * int(elements.SamplesPerPixel)
    frame_bytes = samples * int(elements.BitsAllocated) // 8
    if elements.PhotometricInterpretation == "YBR_FULL_422":
        # Two pixels share their two colour differences.
        full_bytes, frame_bytes = frame_bytes, frame_bytes // 3 * 2
        if header.frames * full_bytes <= header.value_bytes:
            raise ValueError("DICOM whose YBR_FULL_422 pixels are not subsampled (they may be YBR_FULL or RGB)")
    needed = header.frames * frame_bytes
    if needed > header.value_bytes or header.value_bytes == UNDEFINED_LENGTH:
        raise ValueError(f"DICOM of {header.frames} frames, {needed} bytes, that declares {header.value_bytes}")
    if header.value_start + header.value_bytes > header.file_bytes:
        raise ValueError("truncated DICOM (pixel data ends beyond the file)")


def _item(stream: BinaryIO, place: int) -> tuple[int, int]:
    data = _read_at(stream, place, 8)
    tag, length = struct.unpack("<II", data)
    return tag, length


def _read_at(stream: BinaryIO, start: int, length: int) -> bytes:
    stream.seek(start)
    data = stream.read(length)
    if len(data) < length:
        raise ValueError("truncated DICOM (a compressed frame ends beyond the file)")
    return data
