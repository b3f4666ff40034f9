"""What a Philips frame of the release says about itself in its pixels: its depth ruler and the distance it prints.

Only frames of 640x450 px carry both, at places that are the same in every one of them. Whatever cannot be read beyond
doubt is None.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.datasets.philips_digits import DIGITS

SHAPE = (450, 640)

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]

# The ruler: dots two px wide in columns 577 and 578, dashes that go on to column 581; a mark stands out of the scan.
_DOT, _DASH, _BESIDE = slice(577, 579), slice(577, 582), slice(574, 576)
_FIRST_ROW, _CLEAR_ROWS, _LEAST_STEP = 14, 3, 35
# Marks lie on the ruler within this; fewer marks are no ruler, and of more than these one may be missing.
_TOLERANCE_PX, _LEAST_MARKS, _LEAST_PITCH_PX = 1.5, 3, 45.0
# `Dist 0.130 cm`: rows of the text, left edges of its four digits, how far a digit may be shifted (1 is narrow).
_TEXT_ROWS, _DIGIT_COLUMNS, _DIGIT_SHIFT = slice(429, 442), (90, 102, 110, 118), 2
_LEAST_LIKENESS, _LEAST_LEAD = 0.8, 0.05


@dataclass(frozen=True)
class PhilipsFrame:
    """Pixel spacing from the depth ruler and the printed distance, both in mm; None where it cannot be read."""

    mm_per_px: float | None
    distance_mm: float | None


def read_philips_frame(pixels: Pixels) -> PhilipsFrame:
    """Read ruler and printed distance of a gray frame (H, W); nothing is read of frames of another size."""
    if pixels.shape != SHAPE:
        return PhilipsFrame(None, None)
    return PhilipsFrame(_ruler_mm_per_px(pixels.astype(np.float64)), _printed_mm(pixels.astype(np.float64)))


def _ruler_mm_per_px(pixels: Values) -> float | None:
    """From equally spaced marks: 5 mm apart where every second one is a dash, 10 mm where every fifth one is."""
    rows, dashes = _marks(pixels)
    found = _evenly_spaced(rows)
    if found is None:
        return None
    on, steps, pitch = found
    # Dashes stand at every centimetre between half ones, or at every fifth centimetre.
    if np.all(np.diff(steps[dashes[on]]) == 5):
        return 10.0 / pitch
    even = steps % 2 == 0
    return 5.0 / pitch if np.array_equal(dashes[on], even) or np.array_equal(dashes[on], ~even) else None


def _evenly_spaced(rows: Values) -> tuple[NDArray[np.bool_], NDArray[np.intp], float] | None:
    """Which marks make the ruler, how many pitches each lies below the first, and the pitch in px."""
    best: tuple[NDArray[np.bool_], NDArray[np.intp], float] | None = None
    for first, last in itertools.combinations(range(rows.size), 2):
        # The coarsest pitch that reaches the most marks: half of it would reach them too.
        for parts in range(1, int((rows[last] - rows[first]) // _LEAST_PITCH_PX) + 1):
            pitch = (rows[last] - rows[first]) / parts
            steps = np.round((rows - rows[first]) / pitch).astype(np.intp)
            on = np.abs(rows - rows[first] - steps * pitch) <= _TOLERANCE_PX
            if best is None or (on.sum(), pitch) > (best[0].sum(), best[2] + 1.0):
                best = on, steps[on] - steps[on].min(), pitch
    if best is None or best[0].sum() < max(_LEAST_MARKS, rows.size - 1):
        return None
    on, steps, _ = best
    missing = steps[-1] + 1 - steps.size
    if missing > (steps.size > _LEAST_MARKS) or np.unique(steps).size < steps.size:
        return None
    return on, steps, float(np.polyfit(steps, rows[on], 1)[0])


def _marks(pixels: Values) -> tuple[Values, NDArray[np.bool_]]:
    """Rows of the ruler's marks, to a fraction of a pixel, and which of them are dashes."""
    dot, dash = _standing_out(pixels[:, _DOT].min(axis=1)), _standing_out(pixels[:, _DASH].min(axis=1))
    dot = np.minimum(dot, (pixels[:, _DOT].min(axis=1) - pixels[:, _BESIDE].max(axis=1)))
    rows, dashes = [], []
    for row in range(_FIRST_ROW, pixels.shape[0] - _CLEAR_ROWS):
        near = dot[row - _CLEAR_ROWS : row + _CLEAR_ROWS + 1]
        if dot[row] > _LEAST_STEP and near.argmax() == _CLEAR_ROWS:
            weights = pixels[row - 2 : row + 3, _DOT].mean(axis=1)
            weights = weights - weights.min()
            # A bar of one brightness over all of these rows is no mark, and has no middle among them.
            if not weights.any():
                continue
            rows.append(row + 0.5 + float(weights @ np.arange(-2, 3) / weights.sum()))
            dashes.append(bool(dash[row] > _LEAST_STEP))
    return np.array(rows), np.array(dashes, bool)


def _standing_out(levels: Values) -> Values:
    """How much brighter each row is than the rows that clear it above and below."""
    return levels - np.maximum(np.roll(levels, _CLEAR_ROWS), np.roll(levels, -_CLEAR_ROWS))


def _printed_mm(pixels: Values) -> float | None:
    """The printed distance, every digit recognised alone; its unit is always cm in this release."""
    digits, shift = [], 0
    for column in _DIGIT_COLUMNS:
        likeness = {
            (digit, by): _likeness(pixels[_TEXT_ROWS, column + by : column + by + glyph.shape[1]], glyph)
            for digit, glyph in enumerate(DIGITS)
            for by in range(shift - _DIGIT_SHIFT, shift + _DIGIT_SHIFT + 1)
        }
        best = max(likeness, key=lambda key: likeness[key])
        lead = likeness[best] - max(value for (digit, _), value in likeness.items() if digit != best[0])
        if likeness[best] < _LEAST_LIKENESS or lead < _LEAST_LEAD:
            return None
        digits.append(best[0])
        shift = best[1]
    value_mm = (digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3]) / 100
    return value_mm or None


def _likeness(window: Values, glyph: Values) -> float:
    """Correlation of two pictures; 0 where one of them is flat."""
    first, second = window - window.mean(), glyph - glyph.mean()
    norm = float(np.sqrt(np.square(first).sum() * np.square(second).sum()))
    return float((first * second).sum()) / norm if norm > 0 else 0.0
