"""What an image file says about itself before it is decoded: its kind, its size, and whether all of it is there.

OpenCV decodes what it finds: half a JPEG becomes a frame whose lower half is gray. So the container is walked first,
and a file that ends before its own end mark, or that declares an absurd size, never reaches a decoder.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from edge_nt.imaging.tiff import read_tiff

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_BYTES = 13
_TIFF_SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_JPEG_2000_CODESTREAM = b"\xff\x4f\xff\x51"
_DICOM_PREAMBLE_BYTES = 128
# What `sniff` needs of a file.
SNIFFED_BYTES = _DICOM_PREAMBLE_BYTES + 4
VIDEO_KINDS = frozenset({"avi", "mp4", "matroska"})
_MATROSKA_SIGNATURE = b"\x1a\x45\xdf\xa3"
# The first box of an MP4 or QuickTime file; the brands after `ftyp` that are still pictures.
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_PICTURE_BRANDS = (b"avif", b"heic", b"heix", b"mif1", b"jxl ", b"jp2 ")
# Inside JPEG scan data, FF00 is a stuffed byte and FFD0 to FFD7 are restart marks; anything else ends the scan. Of
# several FF the last one counts, so that a run of them is passed over once: with ``\xff+`` a megabyte would take hours.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Any number of FF may stand before a marker.
_FILL = re.compile(rb"\xff+")
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
# PNG chunks or JPEG segments; the smallest take 4 bytes, and half a gigabyte of them would take minutes to walk.
_MOST_PARTS = 1 << 17
# Of a progressive JPEG, ten are usual. Each is a pass over the whole picture, and costs a file a few bytes.
_MOST_SCANS = 100
# These two compressions store rows as they are, so that the bytes needed are known from the header.
_BMP_UNCOMPRESSED = (0, 3)


@dataclass(frozen=True)
class Container:
    """The kind of an image file (``png``, ``jpeg``, ``tiff``, ``bmp``, ``jpeg2000``) and its size in px."""

    kind: str
    height: int
    width: int


def sniff(data: bytes) -> str | None:
    """The kind of file that the first bytes announce, or None for anything else.

    A `Container.kind`, ``dicom``, or one of `VIDEO_KINDS`: ``avi``, ``mp4`` (QuickTime too), ``matroska`` (WebM too).
    """
    # First, since the preamble of a DICOM file may hold the start of another kind, TIFF above all.
    if data[_DICOM_PREAMBLE_BYTES : _DICOM_PREAMBLE_BYTES + 4] == b"DICM":
        return "dicom"
    if data.startswith(_PNG_SIGNATURE):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(_TIFF_SIGNATURES):
        return "tiff"
    if data.startswith(b"BM"):
        return "bmp"
    return "jpeg2000" if data.startswith(_JPEG_2000_CODESTREAM) else _sniff_video(data)


def _sniff_video(data: bytes) -> str | None:
    if data.startswith(b"RIFF") and data[8:12] == b"AVI ":
        return "avi"
    if data.startswith(_MATROSKA_SIGNATURE):
        return "matroska"
    return "mp4" if data[4:8] in _MP4_BOXES and data[8:12] not in _PICTURE_BRANDS else None


def read_container(data: bytes) -> Container:
    """Walk an image file from start to end mark. Raises: ValueError with what is wrong, such as ``truncated PNG``."""
    kind = sniff(data)
    readers = {"png": _read_png, "jpeg": _read_jpeg, "tiff": read_tiff, "bmp": _read_bmp, "jpeg2000": _read_jpeg_2000}
    if kind not in readers:
        raise ValueError("not a PNG, JPEG, TIFF, BMP or DICOM image")
    try:
        height, width = readers[kind](data)
    except (struct.error, IndexError, OverflowError):
        # The last is what an offset of more than 63 bits gives.
        raise ValueError(f"truncated {kind.upper()}") from None
    if height < 1 or width < 1:
        raise ValueError(f"{kind.upper()} that declares {width}x{height} px")
    return Container(kind, height, width)


def _read_png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    start, name, names, parts = len(_PNG_SIGNATURE), b"", set[bytes](), 0
    while name != b"IEND":
        parts = _one_more("PNG", parts)
        length, name = struct.unpack_from(">I4s", data, start)
        if (start == len(_PNG_SIGNATURE)) != (name == b"IHDR") or (name == b"IHDR" and length != _PNG_HEADER_BYTES):
            raise ValueError("damaged PNG (not one IHDR chunk, at its start)")
        (stored,) = struct.unpack_from(">I", data, start + 8 + length)
        if zlib.crc32(data[start + 4 : start + 8 + length]) != stored:
            raise ValueError(f"damaged PNG (wrong checksum of chunk {name.decode('latin-1')!r})")
        names.add(name)
        start += 12 + length
    if b"IDAT" not in names:
        raise ValueError("damaged PNG (no pixels)")
    return height, width


def _one_more(kind: str, parts: int) -> int:
    if parts == _MOST_PARTS:
        raise ValueError(f"{kind} of more than {_MOST_PARTS} parts")
    return parts + 1


def _read_jpeg(data: bytes) -> tuple[int, int]:
    start, size, scans, parts = 2, (0, 0), 0, 0
    while True:
        parts = _one_more("JPEG", parts)
        fill = _FILL.match(data, start)
        if fill is None:
            raise ValueError("damaged JPEG (no marker where one must stand)")
        start = fill.end() - 1
        marker = data[start + 1]
        if marker == _END_OF_IMAGE:
            return size
        (length,) = struct.unpack_from(">H", data, start + 2)
        if marker in START_OF_FRAME:
            # A decoder makes room on the word of the first.
            if size != (0, 0):
                raise ValueError("damaged JPEG (a second frame header)")
            size = struct.unpack_from(">HH", data, start + 5)
        start += 2 + length
        if marker == _START_OF_SCAN:
            scans += 1
            if scans > _MOST_SCANS:
                raise ValueError(f"JPEG of more than {_MOST_SCANS} scans")
            found = _END_OF_SCAN.search(data, start)
            if found is None:
                raise ValueError("truncated JPEG (no end-of-image mark)")
            start = found.start()


def _read_bmp(data: bytes) -> tuple[int, int]:
    offset, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    stride = (width * bits + 31) // 32 * 4
    if compression in _BMP_UNCOMPRESSED and offset + stride * abs(height) > len(data):
        raise ValueError("truncated BMP")
    # A negative height only says that the rows run from top to bottom.
    return abs(height), width


def _read_jpeg_2000(data: bytes) -> tuple[int, int]:
    right, bottom, left, top = struct.unpack_from(">IIII", data, 8)
    return bottom - top, right - left
