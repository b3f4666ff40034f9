"""The first directory of a TIFF file (TIFF 6.0): its size, and what in it OpenCV would not decode as it is stored."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 256, 257
# BigTIFF has room for 2^64, which nobody needs.
_MOST_ENTRIES = 1 << 12
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL = 258, 277
_PHOTOMETRIC, _ORIENTATION, _PLANAR_CONFIGURATION = 262, 274, 284
_WHITE_IS_ZERO, _UPRIGHT, _SEPARATE_PLANES = 0, 1, 2
_MOST_BITS, _MOST_SAMPLES = 16, 4
# Strips or tiles of 64 megapixels are some thousands; as numbers of 8 bytes a tag of bytes takes many times its file.
_MOST_VALUES = 1 << 20
_OFFSETS_AND_COUNTS = ((273, 279), (324, 325))  # of strips, of tiles
_VALUE_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}


@dataclass(frozen=True)
class _Layout:
    """How classic TIFF and BigTIFF write their numbers."""

    order: str
    count: str
    offset: str
    entry_bytes: int

    def read(self, letter: str, data: bytes, start: int) -> int:
        return int(struct.unpack_from(self.order + letter, data, start)[0])


def read_tiff(data: bytes) -> tuple[int, int]:
    """Height and width in px of a single-page TIFF whose pixel data is all there and decoded as it is stored.

    Raises: ValueError with what is wrong; struct.error where the file ends too early.
    """
    order = "<" if data.startswith(b"II") else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    layout = _Layout(order, "Q", "Q", 20) if big else _Layout(order, "H", "I", 12)
    start = layout.read(layout.offset, data, 8 if big else 4)
    entries = layout.read(layout.count, data, start)
    if entries > _MOST_ENTRIES:
        raise ValueError(f"damaged TIFF ({entries} entries)")
    first = start + struct.calcsize(layout.order + layout.count)
    end = first + entries * layout.entry_bytes
    if layout.read(layout.offset, data, end):
        raise ValueError("TIFF of several pages (expected a single one)")
    places: dict[int, int] = {}
    for place in range(first, end, layout.entry_bytes):
        # Two readers may believe two different ones.
        if places.setdefault(layout.read("H", data, place), place) != place:
            raise ValueError("damaged TIFF (a tag that stands there twice)")
    if _WIDTH not in places or _HEIGHT not in places:
        raise ValueError("damaged TIFF (no size)")
    _refuse_outside(data, layout, places)
    _refuse_wide(data, layout, places)
    _refuse_misread(data, layout, places)
    return int(_values(data, layout, places[_HEIGHT])[0]), int(_values(data, layout, places[_WIDTH])[0])


def _refuse_outside(data: bytes, layout: _Layout, places: dict[int, int]) -> None:
    for offsets, counts in _OFFSETS_AND_COUNTS:
        if offsets in places and counts in places:
            starts, lengths = (_values(data, layout, places[tag]) for tag in (offsets, counts))
            count, size = min(len(starts), len(lengths)), len(data)
            # Each apart before their sum, which would not fit 64 bits.
            if max(starts.max(), lengths.max()) > size or (starts[:count] + lengths[:count] > size).any():
                raise ValueError("truncated TIFF (pixel data ends beyond the file)")
            return
    raise ValueError("damaged TIFF (no pixel data)")


def _refuse_wide(data: bytes, layout: _Layout, places: dict[int, int]) -> None:
    """64 megapixels of four float64 are two gigabytes, and a few hundred kilobytes of file."""
    bits, samples = _most_bits(data, layout, places), _first(data, layout, places, _SAMPLES_PER_PIXEL, 1)
    if bits > _MOST_BITS or samples > _MOST_SAMPLES:
        raise ValueError(f"TIFF of {samples} samples of {bits} bits (expected up to {_MOST_SAMPLES} of 8 or 16 bits)")


def _refuse_misread(data: bytes, layout: _Layout, places: dict[int, int]) -> None:
    """What OpenCV decodes otherwise than it is stored, without a word: turned, as a negative, or as noise."""
    orientation = _first(data, layout, places, _ORIENTATION, _UPRIGHT)
    if orientation != _UPRIGHT:
        raise ValueError(f"TIFF turned by its orientation tag, {orientation} (store it upright)")
    if _most_bits(data, layout, places) <= 8:
        return
    if _first(data, layout, places, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
        raise ValueError("TIFF of 16 bits in which 0 is white (store it with 0 as black)")
    samples = _first(data, layout, places, _SAMPLES_PER_PIXEL, 1)
    if samples > 1 and _first(data, layout, places, _PLANAR_CONFIGURATION, 1) == _SEPARATE_PLANES:
        raise ValueError("TIFF of 16 bits in separate planes (store its samples together)")


def _most_bits(data: bytes, layout: _Layout, places: dict[int, int]) -> int:
    return int(_values(data, layout, places[_BITS_PER_SAMPLE]).max()) if _BITS_PER_SAMPLE in places else 1


def _first(data: bytes, layout: _Layout, places: dict[int, int], tag: int, default: int) -> int:
    return int(_values(data, layout, places[tag])[0]) if tag in places else default


def _values(data: bytes, layout: _Layout, place: int) -> NDArray[np.uint64]:
    letter = _VALUE_FORMATS.get(layout.read("H", data, place + 2))
    if letter is None:
        raise ValueError("damaged TIFF (number of unknown type)")
    count = layout.read(layout.offset, data, place + 4)
    if count > _MOST_VALUES:
        raise ValueError(f"TIFF with a tag of {count} numbers (expected up to {_MOST_VALUES})")
    inline = struct.calcsize(layout.offset)
    start = place + 4 + inline
    if count * struct.calcsize(letter) > inline:
        start = layout.read(layout.offset, data, start)
    if not 0 < count * struct.calcsize(letter) <= len(data):
        raise ValueError("truncated TIFF")
    if start + count * struct.calcsize(letter) > len(data):
        raise ValueError("truncated TIFF")
    return np.frombuffer(data, np.dtype(layout.order + letter), count, start).astype(np.uint64)
