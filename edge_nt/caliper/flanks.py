"""Profiles across the band and where, on each, the flank of a line stands half way up.

A border is where the gray level stands half way between the darkest of the band and the brightest of the line beside
it, the full-width-half-maximum rule. The level is read off the inner flank, so that the distance of the two borders is
inner to inner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_SAMPLES_PER_PX = 4
# The flank counts from a quarter to three quarters of its height: its middle then does not hang on one sample.
_HALF_FLANK = 0.25


@dataclass(frozen=True)
class Flanks:
    """For every profile: distance of the border from the profile's start in px, and how much brighter the line is."""

    distance_px: Values
    contrast: Values


def profile_offsets_px(reach_px: float) -> Values:
    """Distances from a profile's start at which it is sampled, up to at least `reach_px`."""
    return np.arange(math.ceil(reach_px * _SAMPLES_PER_PX) + 1) / _SAMPLES_PER_PX


def bilinear(image: Values, rows: Values, columns: Values) -> Values:
    """Gray levels of `image` (H, W) at continuous (row, column); beyond the edge the outermost pixels continue."""
    height, width = image.shape
    row = np.clip(rows - 0.5, 0.0, height - 1.0)
    column = np.clip(columns - 0.5, 0.0, width - 1.0)
    top, left = np.minimum(row.astype(np.intp), height - 2), np.minimum(column.astype(np.intp), width - 2)
    down, right = row - top, column - left
    flat, corner = image.ravel(), top * width + left
    upper = flat[corner] * (1 - right) + flat[corner + 1] * right
    lower = flat[corner + width] * (1 - right) + flat[corner + width + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float64)


def measure_flanks(profiles: Values, reach_px: Values) -> Flanks:
    """The first flank outwards on every profile (profiles, samples), which start inside the band.

    Samples lie as `profile_offsets_px` says; a profile counts up to its `reach_px` (profiles,).
    """
    counted = np.arange(profiles.shape[1]) / _SAMPLES_PER_PX <= reach_px[:, None]
    floor = np.min(profiles, axis=1, where=counted, initial=np.inf)
    contrast = np.max(profiles, axis=1, where=counted, initial=-np.inf) - floor
    # From the start outwards the profile is made to rise only, so that there is one crossing.
    rising = np.maximum.accumulate(profiles, axis=1)
    share = (rising - floor[:, None]) / np.maximum(contrast, np.finfo(np.float64).tiny)[:, None]
    dark = np.clip(0.5 + (0.5 - share) / (2 * _HALF_FLANK), 0.0, 1.0)
    # Each sample stands for the stretch around it; of the first one only the outer half lies on the profile.
    return Flanks(((dark * counted).sum(axis=1) - 0.5) / _SAMPLES_PER_PX, contrast)


def averaged(values: Values, factor: int) -> Values:
    """Means over squares of `factor` px a side; what does not fill a square at the end is left out."""
    height, width = (side // factor for side in values.shape)
    trimmed = values[: height * factor, : width * factor]
    return np.asarray(trimmed.reshape(height, factor, width, factor).mean(axis=(1, 3)), np.float64)


def bump(count: int, sigma: float) -> Values:
    """Gaussian weights (count, count) of `sigma` samples around each sample, 1 at the sample itself."""
    steps = np.arange(count)
    return np.asarray(np.exp(-0.5 * np.square((steps[:, None] - steps) / sigma)), np.float64)


def ramp(values: Values, low: float, high: float) -> Values:
    """0 up to `low`, 1 from `high`, straight between."""
    return np.asarray(np.clip((values - low) / (high - low), 0.0, 1.0), np.float64)
