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
    low = 0.0 if events == 0 else _bisect(lambda share: bool(1 - binomial_cdf(n, share)[events - 1] < tail))
    high = 1.0 if events == n else _bisect(lambda share: bool(binomial_cdf(n, share)[events] >= tail))
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
    chances = binomial_cdf(count, quantile)[:-1]
    upper = min(int(np.searchsorted(chances, 1 - tail)), count - 1)
    lower = max(int(np.searchsorted(chances, tail, side="right")) - 1, 0)
    estimate = float(np.quantile(ordered, quantile))
    low, high = float(ordered[lower]), float(ordered[upper])
    return QuantileBounds(estimate, min(low, estimate), high, count, float(chances[upper]))


def binomial_cdf(n: int, share: float) -> NDArray[np.float64]:
    """The chance of at most 0, 1, … n events among `n`, each with the chance `share` in [0, 1]: float64 (n + 1,)."""
    if share <= 0 or share >= 1:
        return np.concatenate([np.full(n, float(share <= 0)), [1.0]])
    counts = np.arange(n + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log((n + 1 - counts[1:]) / counts[1:]))])
    chances = np.exp(ways + counts * math.log(share) + (n - counts) * math.log1p(-share))
    return np.asarray(np.minimum(np.cumsum(chances), 1.0), np.float64)


def _bisect(below: Callable[[float], bool]) -> float:
    """The share where `below` turns from true to false."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2
