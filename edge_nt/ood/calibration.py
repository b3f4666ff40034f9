"""Figures of unlike units in one: how many held-in deviations each lies from its held-in median, and the largest."""

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
# No figure here is told apart below this; keeps a logarithm of nothing finite.
_FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class Calibration:
    """Held-in medians (C,) and deviations below and above (C,) of the logarithms of C figures ≥ 0.

    Infinity as the deviation below means that a figure cannot be too small.
    """

    median: Figures
    below: Figures
    above: Figures

    def __post_init__(self) -> None:
        shapes = {self.median.shape, self.below.shape, self.above.shape}
        arrays = (self.median, self.below, self.above)
        if len(shapes) != 1 or self.median.ndim != 1 or any(array.dtype != np.float64 for array in arrays):
            raise _unusable(f"{shapes}")
        positive = np.all(self.below > 0) and np.all(self.above > 0)
        if not (positive and np.all(np.isfinite(self.median)) and np.all(np.isfinite(self.above))):
            raise _unusable("medians that are not finite, or deviations that are not above 0")

    def signed_deviations(self, figures: Figures) -> Figures:
        """Deviations float64 (..., C) from the median, negative below it, of figures (..., C) ≥ 0."""
        distance = np.log(figures + _FLOOR) - self.median
        return np.asarray(distance / np.where(distance > 0, self.above, self.below), np.float64)

    def deviations(self, figures: Figures) -> Figures:
        """Deviations float64 (..., C) ≥ 0 from the median, in whichever direction, of figures (..., C) ≥ 0."""
        return np.abs(self.signed_deviations(figures))


def calibrate(figures: Figures, one_sided: NDArray[np.bool_]) -> Calibration:
    """Medians and deviations of held-in figures (N, C) ≥ 0; where `one_sided` (C,), small ones are never unusual.

    Raises: InputError when there are fewer than 3 frames, or a figure is not finite, negative or the same for most.
    """
    if figures.ndim != 2 or len(figures) < 3 or not np.all(np.isfinite(figures)) or np.any(figures < 0):
        raise _unusable(f"{figures.shape} figures, fewer than 3 frames, or some negative or not finite")
    low, median, high = np.quantile(np.log(figures + _FLOOR), [_TAIL, 0.5, 1 - _TAIL], axis=0)
    below = np.where(one_sided, np.inf, (median - low) / _NORMAL_DEVIATIONS)
    return Calibration(median, below, (high - median) / _NORMAL_DEVIATIONS)


def left_out_deviations(figures: Figures, one_sided: NDArray[np.bool_]) -> Figures:
    """Deviations (N, C) of every held-in frame by the calibration of all the others.

    A frame helps to set its own median and deviation, and so looks more usual than a new one: left out, it does not.
    Raises: InputError as `calibrate` does.
    """
    others = ~np.eye(len(figures), dtype=np.bool_)
    pairs = zip(figures, others, strict=True)
    return np.stack([calibrate(figures[rest], one_sided).deviations(row) for row, rest in pairs])


def _unusable(got: str) -> InputError:
    return InputError(
        expected="consistent OOD calibration: a median and two deviations for each figure",
        got=got,
        fix="fit it again on held-in validation frames that differ from each other",
    )
