"""What scanners burn into frames: settings, a gray bar, a depth ruler, a thumbnail; and SYNTHETIC on every phantom."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.imaging.roi import Roi
from edge_nt.phantom.style import Style

Pixels = NDArray[np.uint8]

MARK = "SYNTHETIC"
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_GRAY = 205


@dataclass(frozen=True)
class Caption:
    """What the text says beside the mark: hospital and patient names, and the spacing that the ruler is drawn to."""

    hospital: str
    patient: str
    mm_per_px: float


def burn_overlays(frame: Pixels, style: Style, caption: Caption, keep: Roi) -> None:
    """Draw the hospital's overlays into the frame (H, W) in place; the thumbnail leaves the box `keep` free.

    The rest stands along the frame's edges, where the fetus is not drawn.
    """
    if style.thumbnail:
        _thumbnail(frame, keep)
    if style.top_bar:
        _top_bar(frame, style)
    _gray_bar(frame, style)
    _ruler(frame, style, caption.mm_per_px)
    _text(frame, style, caption)


def _scale(frame: Pixels) -> float:
    """Letters about 9 px high on a frame of 480 rows, never below what can be read."""
    return max(0.34, 0.42 * float(frame.shape[0]) / 480)


def _text(frame: Pixels, style: Style, caption: Caption) -> None:
    scale = _scale(frame)
    lines = (
        MARK,
        caption.hospital,
        caption.patient[len(caption.hospital) + 1 :],
        "NT",
        f"Gn {style.gain_db:+.0f}",
        f"DR {style.dynamic_range_db:.0f}",
    )
    baseline = round(0.1 * frame.shape[0])
    for line in lines:
        # The mark is larger than the rest and stands on black, so that it is read over bright tissue too.
        size = 1.3 * scale if line == MARK else scale
        (width, height), _ = cv2.getTextSize(line, _FONT, size, 1)
        left = frame.shape[1] - width - 6 if style.text_side == "right" else 6
        if line == MARK:
            frame[baseline - height - 3 : baseline + 4, max(0, left - 3) : left + width + 3] = 0
        cv2.putText(frame, line, (left, baseline), _FONT, size, (_TEXT_GRAY,), 1, cv2.LINE_AA)
        baseline += round(1.75 * height)


def _top_bar(frame: Pixels, style: Style) -> None:
    height, width = frame.shape
    rows = max(12, round(0.042 * height))
    frame[:rows] = np.linspace(38, 62, rows).astype(np.uint8)[:, None]
    text = f"{style.mm_per_px * height / 10:.1f}cm / 1.1 / 46Hz    TIb 0.1"
    cv2.putText(frame, text, (round(0.44 * width), rows - 5), _FONT, 0.85 * _scale(frame), (190,), 1, cv2.LINE_AA)


def _gray_bar(frame: Pixels, style: Style) -> None:
    height, width = frame.shape
    rows, columns = round(0.26 * height), max(3, round(0.011 * width))
    top = round(0.12 * height) if style.bar_side != style.text_side else round(0.48 * height)
    left = 4 if style.bar_side == "left" else width - columns - 4
    frame[top : top + rows, left : left + columns] = np.linspace(255, 0, rows).astype(np.uint8)[:, None]


def _ruler(frame: Pixels, style: Style, mm_per_px: float) -> None:
    """A tick every 5 mm of depth, a longer one every 10 mm."""
    height, width = frame.shape
    for number, depth_mm in enumerate(np.arange(5.0, 0.97 * height * mm_per_px, 5.0)):
        length = 7 if number % 2 else 3
        y = round(depth_mm / mm_per_px)
        left = 14 if style.ruler_side == "left" else width - 14 - length
        frame[y, left : left + length] = 170


def _thumbnail(frame: Pixels, keep: Roi) -> None:
    """A small copy of the scan in a lower corner that leaves the box free; none where both are taken."""
    height, width = frame.shape
    rows, columns = round(0.2 * height), round(0.22 * width)
    small = cv2.resize(frame, (columns - 2, rows - 2), interpolation=cv2.INTER_AREA)
    for left in (width - columns, 0):
        clear = keep.h_max < height - rows or keep.w_max < left or keep.w_min > left + columns
        if clear:
            frame[height - rows :, left : left + columns] = 90
            frame[height - rows + 1 : -1, left + 1 : left + columns - 1] = small
            return
