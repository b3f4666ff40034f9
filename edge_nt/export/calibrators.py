"""How far a range reaches: large, rare magnitudes may be cut off so that all others get finer steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

BINS = 8192
# TensorRT's int8 has 127 steps above 0, a CPU's uint8 has 255. A range serves both, so the coarser one decides.
STEPS = 127
# What TensorRT's calibrator searched over; finer bins leave too few values in each.
_ENTROPY_BINS = 2048
_MSE_CANDIDATES = 256


@dataclass(frozen=True)
class Histogram:
    """How often each magnitude of a tensor occurs: `counts` (BINS,) over equal bins from 0 to `largest`, and zeros
    apart, since every grid holds them exactly.
    """

    counts: NDArray[np.int64]
    zeros: int
    largest: float


def histogram_of(values: NDArray[np.float32], largest: float) -> Histogram:
    """The magnitudes of `values`, of any shape and at most `largest`."""
    magnitudes = np.abs(values, dtype=np.float32).ravel()
    magnitudes = magnitudes[magnitudes > 0]
    bins = np.minimum((magnitudes * np.float32(BINS / largest if largest > 0 else 0)).astype(np.intp), BINS - 1)
    return Histogram(np.bincount(bins, minlength=BINS), values.size - magnitudes.size, largest)


def added(first: Histogram, second: Histogram) -> Histogram:
    """Both, counted over the same bins."""
    return Histogram(first.counts + second.counts, first.zeros + second.zeros, first.largest)


def percentile_threshold(histogram: Histogram, percent: float) -> float:
    """The magnitude that `percent` of all values, zeros with them, do not exceed; exact to a bin."""
    below = (histogram.zeros + np.cumsum(histogram.counts)) / (histogram.zeros + histogram.counts.sum())
    return float((np.searchsorted(below, percent / 100) + 1) * histogram.largest / BINS)


def mse_threshold(histogram: Histogram) -> float:
    """The reach whose grid has the least squared error, of rounding and of cutting off together."""
    centres = (np.arange(BINS) + 0.5) * histogram.largest / BINS
    if not histogram.largest > 0:
        return histogram.largest
    reaches = histogram.largest * np.arange(1, _MSE_CANDIDATES + 1) / _MSE_CANDIDATES
    errors = [_squared_error(centres, histogram.counts, reach / STEPS) for reach in reaches]
    return float(reaches[np.argmin(errors)])


def entropy_threshold(histogram: Histogram) -> float:
    """The reach whose rounded distribution tells least apart from the true one, by Kullback-Leibler divergence.

    As TensorRT's calibrator: 2048 bins of magnitudes, cut off after 128 or more, what is beyond counted into the last,
    against the same bins merged to 128 levels and spread again over those that are not empty.
    """
    counts = histogram.counts.reshape(_ENTROPY_BINS, -1).sum(axis=1).astype(np.float64)
    ends = np.arange(STEPS + 1, _ENTROPY_BINS + 1)
    divergences = [_divergence(counts, int(end)) for end in ends]
    return float(ends[np.argmin(divergences)] * histogram.largest / _ENTROPY_BINS)


def _squared_error(centres: NDArray[np.float64], counts: NDArray[np.int64], step: float) -> float:
    rounded = np.minimum(np.rint(centres / step), STEPS) * step
    return float(counts @ (centres - rounded) ** 2)


def _divergence(counts: NDArray[np.float64], end: int) -> float:
    kept = counts[:end]
    true = kept.copy()
    true[-1] += counts[end:].sum()
    starts = np.arange(STEPS + 1) * end // (STEPS + 1)
    filled = kept > 0
    levels = np.add.reduceat(kept, starts) / np.maximum(np.add.reduceat(filled.astype(np.float64), starts), 1)
    spread = np.where(filled, np.repeat(levels, np.diff([*starts, end])), 0.0)
    seen = true > 0
    if not spread.any() or (spread[seen] == 0).any():
        return float("inf")
    true, spread = true[seen] / true.sum(), spread[seen] / spread.sum()
    return float(true @ np.log(true / spread))


MINMAX = "minmax"
# The reach that each calibrator gives a tensor's magnitudes; minmax cuts nothing off and needs no histogram.
THRESHOLDS: Mapping[str, Callable[[Histogram], float]] = {
    "percentile-99.9": partial(percentile_threshold, percent=99.9),
    "percentile-99.99": partial(percentile_threshold, percent=99.99),
    "percentile-99.999": partial(percentile_threshold, percent=99.999),
    "entropy": entropy_threshold,
    "mse": mse_threshold,
}
CALIBRATORS = (MINMAX, *THRESHOLDS)
# Not a calibrator but the choice among them, by their gates on source validation.
AUTO = "auto"
