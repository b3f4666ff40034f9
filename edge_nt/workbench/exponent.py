"""The exponent of a power law through measured points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_nt.errors import InputError

# Student's t for a two-sided 95 % interval, by degrees of freedom from 1 up.
_T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306)


def fit_exponent(pixels: Sequence[float], times_ms: Sequence[float]) -> tuple[float, float, float]:
    """Least squares of log time against log pixels: the slope and its 95 % t interval (slope, low, high).

    The interval takes scatter around the line, bends included, for noise; 3 to 10 points.
    Raises: InputError for another number of points, or one that is not above zero.
    """
    degrees = len(pixels) - 2
    if len(times_ms) != len(pixels) or not 1 <= degrees <= len(_T_95) or min(*pixels, *times_ms) <= 0:
        raise InputError(
            expected=f"3 to {len(_T_95) + 2} sizes with times above zero",
            got=f"{list(pixels)} and {list(times_ms)}",
            fix="measure more sizes",
        )
    x, y = np.log(pixels), np.log(times_ms)
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    residuals = y - y.mean() - slope * centred
    error = float(np.sqrt(residuals @ residuals / degrees / (centred @ centred)))
    half = _T_95[degrees - 1] * error
    return slope, slope - half, slope + half
