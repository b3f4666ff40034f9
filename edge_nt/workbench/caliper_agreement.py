"""How far two readings of the same thing differ: bias and 95 % limits of agreement (Bland and Altman 1986)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge_nt.caliper.caliper import CaliperReading

# Of a normal distribution 95 % lie within this many standard deviations.
_LIMITS_SD = 1.959964


@dataclass(frozen=True)
class Agreement:
    """Differences of `n` pairs, measured minus stated: mean, sample standard deviation, and mean ± 1.96 of them.

    `median` and `mean_absolute` hang less on a few pairs that are far off.
    """

    unit: Literal["mm", "px"]
    n: int
    bias: float
    sd: float
    low: float
    high: float
    median: float
    mean_absolute: float


@dataclass(frozen=True)
class Refusals:
    """Why readings were not measurable: a reason and how often it was given."""

    reason: str
    count: int


@dataclass(frozen=True)
class Coverage:
    """How many of `n` images were measurable, and why the others were not."""

    n: int
    measurable: int
    refusals: tuple[Refusals, ...]


def agreement(unit: Literal["mm", "px"], pairs: Iterable[tuple[float | None, float | None]]) -> Agreement | None:
    """The agreement of (measured, stated) pairs, of which those with both count; None for fewer than two."""
    differences = np.array([first - second for first, second in pairs if first is not None and second is not None])
    if differences.size < 2:
        return None
    bias, sd = float(differences.mean()), float(differences.std(ddof=1))
    return Agreement(
        unit=unit,
        n=int(differences.size),
        bias=bias,
        sd=sd,
        low=bias - _LIMITS_SD * sd,
        high=bias + _LIMITS_SD * sd,
        median=float(np.median(differences)),
        mean_absolute=float(np.abs(differences).mean()),
    )


def coverage(readings: Sequence[CaliperReading]) -> Coverage:
    """How many of the readings there are, and the reasons of the others, most frequent first."""
    reasons = Counter(reading.reason for reading in readings if reading.reason is not None)
    listed = tuple(Refusals(reason, count) for reason, count in reasons.most_common())
    return Coverage(len(readings), sum(reading.measurable for reading in readings), listed)
