"""Bootstrap intervals over images: how far a mean could have come out otherwise with other images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An estimate from `n` images and its percentile bootstrap interval at the confidence `level`."""

    estimate: float
    low: float
    high: float
    n: int
    level: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.estimate, self.low, self.high)) or self.low > self.high:
            raise InputError(
                expected="finite bounds with low ≤ high",
                got=f"{self.estimate} [{self.low}, {self.high}]",
                fix="look for NaN in the values",
            )


def bootstrap_interval(values: Values, *, level: float = 0.95, resamples: int = 2000, seed: int) -> Interval:
    """The mean of `values` (N,), one an image, and its percentile interval.

    Images are redrawn independently; where a patient has several images, the interval is too narrow.
    Raises: InputError when there are no values, or they are not finite.
    """
    means = _resampled_means(_checked(values), level, resamples, seed)
    return _interval(float(values.mean()), means[0], values.size, level)


def bootstrap_difference(
    before: Values, after: Values, *, level: float = 0.95, resamples: int = 2000, seed: int
) -> Interval:
    """mean(after) − mean(before) over the same images (N,), with a paired percentile interval.

    Raises: InputError when there are no values, they are not finite, or the two are not paired.
    """
    pairs = _paired(before, after)
    return bootstrap_interval(pairs[1] - pairs[0], level=level, resamples=resamples, seed=seed)


def bootstrap_relative_change(
    before: Values, after: Values, *, level: float = 0.95, resamples: int = 2000, seed: int
) -> Interval | None:
    """mean(after) / mean(before) − 1 over the same images (N,), with a paired percentile interval; 0.1 is 10 % more.

    None where the mean before is not above 0 in every resample: then a ratio says nothing.
    Raises: InputError when there are no values, they are not finite, or the two are not paired.
    """
    pairs = _paired(before, after)
    means = _resampled_means(pairs, level, resamples, seed)
    if pairs[0].mean() <= 0 or np.any(means[0] <= 0):
        return None
    return _interval(float(pairs[1].mean() / pairs[0].mean() - 1), means[1] / means[0] - 1, before.size, level)


def _resampled_means(values: Values, level: float, resamples: int, seed: int) -> Values:
    """Means (rows, resamples) of the rows of `values` (rows, N), every row redrawn with the same images."""
    if not 0.0 < level < 1.0 or resamples < 1:
        raise InputError(
            expected="a level within (0, 1) and at least one resample",
            got=f"level {level}, {resamples} resamples",
            fix="pass, for example, level=0.95, resamples=2000",
        )
    rows = np.atleast_2d(values)
    count = rows.shape[1]
    drawn = np.random.default_rng(seed).integers(0, count, size=(resamples, count))
    return np.stack([row[drawn].mean(axis=1) for row in rows])


def _interval(estimate: float, resampled: Values, count: int, level: float) -> Interval:
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), count, level)


def _paired(before: Values, after: Values) -> Values:
    if before.shape != after.shape:
        raise InputError(
            expected="the same images before and after",
            got=f"shapes {before.shape} and {after.shape}",
            fix="score both stages on one list of images",
        )
    return np.stack([_checked(before), _checked(after)])


def _checked(values: Values) -> Values:
    if values.ndim != 1 or values.size == 0 or not np.all(np.isfinite(values)):
        raise InputError(
            expected="at least one finite value, shape (N,)",
            got=f"{values.size} values of shape {values.shape}",
            fix="score at least one image, and look for NaN",
        )
    return values
