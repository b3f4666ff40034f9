"""COCO's run-length encoded masks: ``size`` [h, w] and ``counts``, runs of 0 and 1 in turn down the columns.

`counts` is a list of lengths, or text: each length in base 32 with the least digits first, from the third on as the
difference to the length two before, a digit's bit 5 saying that more follow, and all of it moved up by 48 into ASCII.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_PIXELS = 64 << 20  # as many as an image may have
_MOST_DIGITS = 7


def mask_from_run_length(encoded: dict[str, Any]) -> NDArray[np.bool_]:
    """The mask (H, W) of an RLE object. Raises: ValueError with what is wrong."""
    height, width = _size(encoded.get("size"))
    counts = encoded.get("counts")
    lengths = _lengths_of_text(counts) if isinstance(counts, str) else counts
    if not isinstance(lengths, list) or not all(type(length) is int and length >= 0 for length in lengths):
        raise ValueError("counts of a mask are no list of lengths, nor their text")
    if sum(lengths) != height * width:
        raise ValueError(f"counts of a mask add up to {sum(lengths)}, not to its size of {height}x{width}")
    runs = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return np.ascontiguousarray(runs.reshape(width, height).T)


def _size(size: Any) -> tuple[int, int]:
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
        raise ValueError(f"size {str(size)[:40]} of a mask is not [height, width]")
    if size[0] * size[1] > _MOST_PIXELS:
        raise ValueError(f"a mask of {size[0]}x{size[1]} px is larger than any image may be")
    return size[0], size[1]


def _lengths_of_text(text: str) -> list[int]:
    lengths: list[int] = []
    value = digits = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or digits == _MOST_DIGITS:
            raise ValueError("counts of a mask are no run-length text")
        value |= (code & 31) << 5 * digits
        digits += 1
        if code & 32:
            continue
        if code & 16:
            value -= 1 << 5 * digits
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = digits = 0
    if digits:
        raise ValueError("counts of a mask end within a length")
    return lengths
