"""Exact intervals from counts: of a share, and of a quantile by its order statistics."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError

# Halving [0, 1] this often leaves less than the spacing of floating-point numbers near 1.
_HALVINGS = 60


@dataclass(frozen=True)
class Share:
    """A count of events among `n` and its exact two-sided interval (Clopper–Pearson), shares in [0, 1]."""

    events: int
    n: int
    low: float
    high: float
    level: float


@dataclass(frozen=True)
class QuantileBounds:
    """A quantile of a sample and order statistics around it: each bound holds with the chance beside it.

    With few values even the largest is an upper bound with less than the asked chance; `high_confidence` says so.
    """

    estimate: float
    low: float
    high: float
    n: int
    high_confidence: float


def exact_share(events: int, n: int, level: float = 0.95) -> Share:
    """The Clopper–Pearson interval of `events` among `n`: each bound errs with at most half of 1 − `level`.

    Raises: InputError unless 0 ≤ events ≤ n, n ≥ 1 and 0 < level < 1.
    """
    if not (0 <= events <= n and n >= 1 and 0 < level < 1):
        raise InputError(
            expected="0 ≤ events ≤ n, at least one trial and a level within (0, 1)",
            got=f"{events} of {n} at {level}",
            fix="count events among the frames that could have one",
        )
    tail = (1 - level) / 2
    low = 0.0 if events == 0 else _bisect(lambda share: 1 - binomial_cdf(events - 1, n, share) < tail)
    high = 1.0 if events == n else _bisect(lambda share: binomial_cdf(events, n, share) >= tail)
    return Share(events, n, low, high, level)


def quantile_bounds(values: NDArray[np.float64], quantile: float, level: float = 0.95) -> QuantileBounds:
    """The `quantile` of `values` (N,) between order statistics, whatever the distribution of independent values.

    The estimate is numpy's (linear). Each bound errs with at most half of 1 − `level` where N allows it: the upper one
    of the 95th percentile takes 72 values at 95 %, and below that the largest value stands with a smaller chance.
    Raises: InputError when there are no values, they are not finite, or `quantile` is not within (0, 1).
    """
    if values.ndim != 1 or values.size == 0 or not np.all(np.isfinite(values)) or not 0 < quantile < 1:
        raise InputError(
            expected="at least one finite value, shape (N,), and a quantile within (0, 1)",
            got=f"shape {values.shape}, quantile {quantile}",
            fix="measure at least one frame, and look for NaN",
        )
    ordered, count, tail = np.sort(values), values.size, (1 - level) / 2
    # The k-th smallest lies at or above the quantile with the chance that fewer than k values lie below the quantile.
    confidences = [binomial_cdf(k - 1, count, quantile) for k in range(1, count + 1)]
    upper = next((k for k, chance in enumerate(confidences, 1) if chance >= 1 - tail), count)
    lower = max((k for k, chance in enumerate(confidences, 1) if chance <= tail), default=1)
    estimate = float(np.quantile(ordered, quantile))
    low, high = float(ordered[lower - 1]), float(ordered[upper - 1])
    return QuantileBounds(estimate, min(low, estimate), high, count, confidences[upper - 1])


def binomial_cdf(events: int, n: int, share: float) -> float:
    """The chance of at most `events` among `n`, each with the chance `share` in [0, 1]."""
    if events >= n or share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    counts = np.arange(events + 1)
    logs = np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in counts])
    logs += counts * math.log(share) + (n - counts) * math.log1p(-share)
    return min(float(np.exp(logs).sum()), 1.0)


def _bisect(below: Callable[[float], bool]) -> float:
    """The share where `below` turns from true to false."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2
