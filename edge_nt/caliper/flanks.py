"""Profiles across the band and where, on each, the flank of a line stands half way up.

A border is where the gray level stands half way between the darkest of the band and the brightest of the line beside
it, the full-width-half-maximum rule. The level is read off the inner flank, so that the distance of the two borders is
inner to inner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

# Samples a pixel along a profile.
SAMPLES_PER_PX = 4
# The flank counts from a quarter to three quarters of its height: its middle then does not hang on one sample.
_HALF_FLANK = 0.25


@dataclass(frozen=True)
class Flanks:
    """For every profile: distance of the border from the profile's start in px, levels of the band and of the line."""

    distance_px: Values
    floor: Values
    peak: Values


def bilinear(image: Values, rows: Values, columns: Values) -> Values:
    """Gray levels of `image` (H, W) at continuous (row, column); beyond the edge the outermost pixels continue."""
    height, width = image.shape
    row = np.clip(rows - 0.5, 0.0, height - 1.0)
    column = np.clip(columns - 0.5, 0.0, width - 1.0)
    top, left = np.minimum(row.astype(np.intp), height - 2), np.minimum(column.astype(np.intp), width - 2)
    down, right = row - top, column - left
    upper = image[top, left] * (1 - right) + image[top, left + 1] * right
    lower = image[top + 1, left] * (1 - right) + image[top + 1, left + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float64)


def measure_flanks(profiles: Values, reach_px: Values) -> Flanks:
    """The first flank outwards on every profile (profiles, samples), which start inside the band.

    Samples lie 1 / SAMPLES_PER_PX px apart; a profile counts up to its `reach_px` (profiles,).
    """
    along = np.arange(profiles.shape[1]) / SAMPLES_PER_PX
    counted = along <= reach_px[:, None]
    floor = np.min(profiles, axis=1, where=counted, initial=np.inf)
    peak = np.max(profiles, axis=1, where=counted, initial=-np.inf)
    # From the start outwards the profile is made to rise only, so that there is one crossing.
    rising = np.maximum.accumulate(profiles, axis=1)
    share = (rising - floor[:, None]) / np.maximum(peak - floor, np.finfo(np.float64).tiny)[:, None]
    dark = np.clip(0.5 + (0.5 - share) / (2 * _HALF_FLANK), 0.0, 1.0)
    distance = (dark * counted).sum(axis=1) / SAMPLES_PER_PX
    # Each sample stands for the stretch around it; of the first one only the outer half lies on the profile.
    return Flanks(distance - 0.5 / SAMPLES_PER_PX, floor, peak)


def smoothing(count: int, sigma: float) -> Values:
    """The matrix (count, count) that blurs a sequence with a Gaussian of `sigma` samples; its rows sum to 1."""
    steps = np.arange(count)
    weights = np.exp(-0.5 * np.square((steps[:, None] - steps) / max(sigma, 1e-6)))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)
