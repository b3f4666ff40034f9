"""The header of a DICOM file: what its pixels need and nothing else, so that no patient's data is even read."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import pydicom
from pydicom import uid
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_dataset

from edge_nt.imaging.picture import refuse_huge

# A file opened anew for each reading, so that any number of threads may read at once.
Opener = Callable[[], BinaryIO]

_META_START, _META_GROUP = 132, 0x0002
_PIXEL_DATA = (0x7FE0, 0x0010)
UNDEFINED_LENGTH = 0xFFFFFFFF
# Palettes and LUTs take kilobytes; more ahead of the pixels is no header.
_MAX_HEADER_BYTES = 64 << 20
# What an element or an item costs beside its bytes, when pydicom makes objects of it; 130,000 of them are no header.
_READ_COST_BYTES = 512
# A value is made of parts, each an object a hundred times its size; no LUT, palette or list of regions is as long.
_MAX_VALUE_BYTES = 1 << 20
# A number of FrameTimeVector, one a frame, with what parts it from the next (PS3.5 6.2, DS).
_FRAME_TIME_VECTOR, _TIME_BYTES = 0x00181065, 17
# Ten hours at 30 frames a second.
_MAX_FRAMES = 1 << 20

_PALETTE = [
    f"{colour}PaletteColorLookupTable{part}" for colour in ("Red", "Green", "Blue") for part in ("Data", "Descriptor")
]
_SEGMENTED = [f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")]
_ELEMENTS = [
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelSpacing", "SequenceOfUltrasoundRegions"),
    *("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept"),
    *("VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction"),
    *("FrameIncrementPointer", "FrameTime", "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate"),
    *_PALETTE,
    *_SEGMENTED,
]
_NEEDED = ("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "PixelRepresentation")
# With what stands for an element that is absent or empty.
_SIZES = (("NumberOfFrames", 1), ("Rows", 0), ("Columns", 0))


@dataclass(frozen=True)
class DicomHeader:
    """The elements that pixels need, and where the value of PixelData begins.

    `frames` is at least 1; `value_bytes` is what the header says of the pixel data's length, `UNDEFINED_LENGTH` where
    it is encapsulated; `file_bytes` is the size of all of it.
    """

    elements: Any
    syntax: uid.UID
    frames: int
    height: int
    width: int
    value_start: int
    value_bytes: int
    value_vr: str
    file_bytes: int


def read_header(opened: Opener) -> DicomHeader:
    """Read up to the pixel data. Raises: ValueError with what is wrong, or whatever pydicom's parser trips over."""
    with opened() as stream:
        file_bytes = stream.seek(0, 2)
        stream.seek(0)
        bounded: Any = _Bounded(stream)
        _refuse_deflated(bounded)
        elements = pydicom.dcmread(bounded, stop_before_pixels=True, specific_tags=_ELEMENTS)
        syntax = elements.file_meta.get("TransferSyntaxUID")
        if not syntax:
            raise ValueError("DICOM that names no transfer syntax")
        value_vr, value_bytes = _pixel_element(bounded, syntax)
        value_start = stream.tell()
    _refuse_long_values(elements)
    # Values are parsed when they are asked for; asked for here, no two threads do so at once.
    for _ in elements.iterall():
        pass
    frames, height, width = (int(elements.get(name) or least) for name, least in _SIZES)
    _refuse_unreadable(elements, frames, height, width)
    return DicomHeader(elements, syntax, frames, height, width, value_start, value_bytes, value_vr, file_bytes)


def _refuse_long_values(elements: Any) -> None:
    for tag in elements.keys() - {_FRAME_TIME_VECTOR}:
        _refuse_long(elements, tag, _MAX_VALUE_BYTES)
    _refuse_long(elements, _FRAME_TIME_VECTOR, _TIME_BYTES * int(elements.get("NumberOfFrames") or 1))


def _refuse_long(elements: Any, tag: int, longest: int) -> None:
    # What is not parsed yet says its length; sequences of undefined length are, within the bounds of the stream.
    element = elements.get_item(tag)
    if isinstance(element, RawDataElement) and element.length > longest:
        raise ValueError(f"DICOM whose {element.tag} takes {element.length} bytes (at most {longest} are read)")


def _refuse_unreadable(elements: Any, frames: int, height: int, width: int) -> None:
    if not 1 <= frames <= _MAX_FRAMES:
        raise ValueError(f"DICOM of {frames} frames (from 1 to {_MAX_FRAMES} are read)")
    if height < 1 or width < 1:
        raise ValueError(f"DICOM that declares {width}x{height} px")
    refuse_huge(height, width)
    absent = [name for name in _NEEDED if elements.get(name) is None]
    if absent:
        raise ValueError(f"DICOM without {', '.join(absent)}")
    if elements.SamplesPerPixel not in (1, 3):
        raise ValueError(f"DICOM of {elements.SamplesPerPixel} samples a pixel (expected 1 or 3)")
    if elements.BitsAllocated not in (8, 16):
        raise ValueError(f"DICOM of {elements.BitsAllocated} bits a sample (expected 8 or 16)")
    if not 1 <= elements.BitsStored <= elements.BitsAllocated:
        raise ValueError(f"DICOM that stores {elements.BitsStored} of {elements.BitsAllocated} bits a sample")


class _Bounded:
    """A stream that gives no more than a header's worth of bytes: a length in a hostile file is only a number."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = _MAX_HEADER_BYTES
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data) + _READ_COST_BYTES
        if self._left <= 0:
            raise ValueError(f"DICOM with more than {_MAX_HEADER_BYTES >> 20} MiB ahead of its pixels")
        return data


def _refuse_deflated(stream: Any) -> None:
    # Such a file is inflated as a whole before any size in it can be read: a few kilobytes may become gigabytes.
    stream.seek(_META_START)
    elements = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != _META_GROUP)
    stream.seek(0)
    if elements.get("TransferSyntaxUID") == uid.DeflatedExplicitVRLittleEndian:
        raise ValueError("deflated DICOM (store it uncompressed)")


def _pixel_element(stream: _Bounded, syntax: uid.UID) -> tuple[str, int]:
    """VR and length of the pixel data at which the stream stands; its value follows."""
    order = "<" if syntax.is_little_endian else ">"
    start = stream.read(8)
    if len(start) < 8 or struct.unpack(order + "HH", start[:4]) != _PIXEL_DATA:
        raise ValueError("DICOM without pixel data, or truncated before it")
    # Some files leave the VR out though their syntax has it, which pydicom tolerates as well.
    if syntax.is_implicit_VR or start[4:6] not in (b"OB", b"OW"):
        return "OW", int(struct.unpack(order + "I", start[4:])[0])
    return start[4:6].decode("latin-1"), int(struct.unpack(order + "I", stream.read(4))[0])
