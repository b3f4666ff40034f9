"""Figures of unlike units in one: how many held-in deviations each lies from its held-in median."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError

Figures = NDArray[np.float64]

# A deviation is read off where 10 % of held-in frames lie beyond, as if the middle of them were normal: one odd scan
# among a hundred does not widen it, and a long tail on one side does not pass for a wide other side.
_TAIL = 0.1
_NORMAL_DEVIATIONS = 1.2815515655446004


@dataclass(frozen=True, eq=False)
class Calibration:
    """Held-in medians (C,) and deviations below and above (C,) of C figures.

    Infinity as the deviation below means that a figure cannot be too small.
    """

    median: Figures
    below: Figures
    above: Figures

    def __post_init__(self) -> None:
        arrays = (self.median, self.below, self.above)
        shapes = [array.shape for array in arrays]
        if len(set(shapes)) != 1 or self.median.ndim != 1 or any(array.dtype != np.float64 for array in arrays):
            raise _unusable(f"arrays of {shapes}")
        positive = bool(np.all(self.below > 0) and np.all(self.above > 0))
        if not (positive and np.all(np.isfinite(self.median)) and np.all(np.isfinite(self.above))):
            raise _unusable("medians that are not finite, or deviations that are not above 0")

    def deviations(self, figures: Figures) -> Figures:
        """Deviations float64 (..., C) of figures (..., C) from the median, negative below it."""
        distance = figures - self.median
        return np.asarray(distance / np.where(distance > 0, self.above, self.below), np.float64)


def calibrate(figures: Figures, one_sided: NDArray[np.bool_]) -> Calibration:
    """Medians and deviations of held-in figures (N, C); where `one_sided` (C,), small ones are never unusual.

    Raises: InputError when there is no frame, or a figure is not finite or the same for most frames.
    """
    if figures.ndim != 2 or len(figures) == 0 or not np.all(np.isfinite(figures)):
        raise _unusable(f"{figures.shape} figures, none or some not finite")
    low, median, high = np.quantile(figures, [_TAIL, 0.5, 1 - _TAIL], axis=0)
    below = np.where(one_sided, np.inf, (median - low) / _NORMAL_DEVIATIONS)
    return Calibration(median, below, (high - median) / _NORMAL_DEVIATIONS)


def _unusable(got: str) -> InputError:
    return InputError(
        expected="consistent OOD calibration: a median and two deviations above 0 for each figure",
        got=got,
        fix="fit it on at least 3 held-in validation frames that differ from each other",
    )
