"""Bootstrap intervals: how far a mean or median could have come out otherwise with other images or rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An estimate from `n` images or rounds and its percentile bootstrap interval at the confidence `level`."""

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
    return percentile_interval(float(values.mean()), means[0], values.size, level)


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
    return percentile_interval(
        float(pairs[1].mean() / pairs[0].mean() - 1), means[1] / means[0] - 1, before.size, level
    )


def bootstrap_median(values: Values, *, level: float = 0.95, resamples: int = 2000, seed: int) -> Interval:
    """The median of `values` (N,), one a round, and its percentile interval; rounds are redrawn independently.

    Raises: InputError when there are no values, or they are not finite.
    """
    medians = _resampled_medians(_checked(values), level, resamples, np.random.default_rng(seed))
    return percentile_interval(float(np.median(values)), medians, values.size, level)


def bootstrap_median_change(
    before: Values, after: Values, *, level: float = 0.95, resamples: int = 2000, seed: int
) -> Interval:
    """median(after) / median(before) − 1 of two unpaired samples, each redrawn on its own; 0.1 is 10 % more.

    `n` of the interval is the size of the smaller sample.
    Raises: InputError when a sample is empty, not finite, or not above 0.
    """
    if min(_checked(before).min(), _checked(after).min()) <= 0:
        raise InputError(expected="values above 0", got="0 or less", fix="look for times that were not taken")
    generator = np.random.default_rng(seed)
    first, second = (_resampled_medians(each, level, resamples, generator) for each in (before, after))
    estimate = float(np.median(after) / np.median(before) - 1)
    return percentile_interval(estimate, second / first - 1, min(before.size, after.size), level)


def _resampled_medians(values: Values, level: float, resamples: int, generator: np.random.Generator) -> Values:
    check_drawing(level, resamples)
    drawn = values[generator.integers(0, values.size, size=(resamples, values.size))]
    medians: Values = np.median(drawn, axis=1)
    return medians


def check_drawing(level: float, resamples: int) -> None:
    """Raises: InputError for a level outside (0, 1), or no resample."""
    if not 0.0 < level < 1.0 or resamples < 1:
        raise InputError(
            expected="a level within (0, 1) and at least one resample",
            got=f"level {level}, {resamples} resamples",
            fix="pass, for example, level=0.95, resamples=2000",
        )


def _resampled_means(values: Values, level: float, resamples: int, seed: int) -> Values:
    """Means (rows, resamples) of the rows of `values` (rows, N), every row redrawn with the same images."""
    check_drawing(level, resamples)
    rows = np.atleast_2d(values)
    count = rows.shape[1]
    drawn = np.random.default_rng(seed).integers(0, count, size=(resamples, count))
    return np.stack([row[drawn].mean(axis=1) for row in rows])


def percentile_interval(estimate: float, resampled: Values, count: int, level: float) -> Interval:
    """The interval of an estimate from its resampled values; `count` is what was drawn from."""
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
