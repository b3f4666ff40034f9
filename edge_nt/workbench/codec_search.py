"""The best that a picture codec can do with a frame: quality and size of the coded picture searched together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.imaging.roi import Roi
from edge_nt.metrics.psnr import psnr
from edge_nt.metrics.roi_metrics import roi_metrics
from edge_nt.workbench.picture_codecs import PictureCodec, Pixels

# At a few hundred bytes codecs do best on a smaller picture, enlarged again after decoding.
SHRINKS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
# A quick search over all sizes tells which ones are worth the codec's greatest effort, and about where.
_FINALISTS = 2
_WINDOW = 7


@dataclass(frozen=True)
class Coded:
    """A frame through a codec: the picture uint8 (H, W) that came back at full size, and what it took."""

    pixels: Pixels
    shrink: float
    payload_bytes: int
    file_bytes: int


@dataclass(frozen=True)
class _Try:
    index: int
    coded: Coded


def best_within(codec: PictureCodec, frame: Pixels, budget_bytes: int) -> Coded | None:
    """The coding of a frame uint8 (H, W) with the highest PSNR whose payload fits; None when none fits."""

    def fits(coded: Coded) -> bool:
        return coded.payload_bytes <= budget_bytes

    def quality(found: tuple[float, _Try]) -> float:
        return _psnr(frame, found[1].coded)

    drafts = [(shrink, found) for shrink in SHRINKS if (found := _edge(codec, frame, shrink, fits, None)[0])]
    finalists = sorted(drafts, key=quality, reverse=True)[:_FINALISTS]
    careful = [found for shrink, draft in finalists if (found := _edge(codec, frame, shrink, fits, draft.index)[0])]
    # More effort is not always better: the drafts take part in the final.
    tries = [*careful, *(draft for _, draft in drafts)]
    return max((each.coded for each in tries), key=lambda coded: _psnr(frame, coded), default=None)


def bytes_for_roi_mae(codec: PictureCodec, frame: Pixels, roi: Roi, mae: float) -> int | None:
    """The fewest payload bytes found with which the ROI's mean absolute error is at most `mae`; None when none has it.

    `roi` is in pixels of the frame uint8 (H, W), `mae` in [0, 1].
    """
    reference = to_unit_range(frame[None])[0, 0]

    def misses(coded: Coded) -> bool:
        return roi_metrics(reference, to_unit_range(coded.pixels[None])[0, 0], roi).mae > mae

    reached = [(shrink, found) for shrink in SHRINKS if (found := _edge(codec, frame, shrink, misses, None)[1])]
    if not reached:
        return None
    shrink, draft = min(reached, key=lambda each: each[1].coded.payload_bytes)
    careful = _edge(codec, frame, shrink, misses, draft.index)[1]
    return min(each.coded.payload_bytes for each in (draft, careful) if each is not None)


def _edge(
    codec: PictureCodec, frame: Pixels, shrink: float, holds: Callable[[Coded], bool], near: int | None
) -> tuple[_Try | None, _Try | None]:
    """The finest quality for which `holds`, true up to some quality, and the coarsest for which it does not.

    With `near`, carefully and about that quality only.
    """
    low, high = _bounds(codec, near)
    below = above = None
    while low <= high:
        middle = (low + high) // 2
        coded = _coded(codec, frame, shrink, middle, careful=near is not None)
        if holds(coded):
            below, low = _Try(middle, coded), middle + 1
        else:
            above, high = _Try(middle, coded), middle - 1
    return below, above


def _bounds(codec: PictureCodec, near: int | None) -> tuple[int, int]:
    last = len(codec.qualities) - 1
    return (0, last) if near is None else (max(near - _WINDOW, 0), min(near + _WINDOW, last))


def _coded(codec: PictureCodec, frame: Pixels, shrink: float, index: int, *, careful: bool) -> Coded:
    height, width = frame.shape
    size = round(width / shrink), round(height / shrink)
    small = frame if shrink == 1 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    file = codec.encode(np.asarray(small, np.uint8), codec.qualities[index], careful)
    back = codec.decode(file)
    if shrink != 1:
        back = np.asarray(cv2.resize(back, (width, height), interpolation=cv2.INTER_LANCZOS4), np.uint8)
    return Coded(back, shrink, codec.payload(file), len(file))


def _psnr(frame: Pixels, coded: Coded) -> float:
    return psnr(to_unit_range(frame[None])[0, 0], to_unit_range(coded.pixels[None])[0, 0])
