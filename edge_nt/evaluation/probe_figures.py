"""Figures of a site probe with bootstrap intervals over images: accuracy, information, confidence, what changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.evaluation.probe_fit import Labels, Probabilities
from edge_nt.evaluation.probe_result import Confidence
from edge_nt.metrics.bootstrap import Interval, bootstrap_difference, bootstrap_interval, percentile_interval

RESAMPLES, LEVEL, SEED = 2000, 0.95, 0
# The least probability that a log loss reads: a certain and wrong probe stays finite.
_FLOOR = 1e-12

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """A probe's probabilities of held-in validation (N, sites) with their true sites (N,), and of unseen frames."""

    labels: Labels
    held_in: Probabilities
    unseen: Probabilities


def max_softmax(probabilities: Probabilities) -> Values:
    """The largest probability of each row (N, sites) → (N,)."""
    return np.asarray(probabilities.max(axis=1))


def entropy_nats(probabilities: Probabilities) -> Values:
    """Shannon entropy of each row (N, sites) → (N,), in nats; 0 · log 0 is 0."""
    logs = np.log(np.maximum(probabilities, _FLOOR))
    return np.asarray(-(probabilities * logs).sum(axis=1))


def confidence(probabilities: Probabilities) -> Confidence:
    """Mean largest probability and mean entropy of frames (N, sites)."""
    means = (
        bootstrap_interval(values, level=LEVEL, resamples=RESAMPLES, seed=SEED)
        for values in (max_softmax(probabilities), entropy_nats(probabilities))
    )
    return Confidence(*means)


def hits(judged: Judged) -> Values:
    """1 for each held-in frame whose most probable site is its own, else 0."""
    return np.asarray(judged.held_in.argmax(axis=1) == judged.labels, np.float64)


def accuracy(judged: Judged) -> Interval:
    """Share of held-in frames put to their own site."""
    return bootstrap_interval(hits(judged), level=LEVEL, resamples=RESAMPLES, seed=SEED)


def balanced_accuracy(judged: Judged) -> Interval:
    """Mean over sites of the share of a site's frames put to it; frames are redrawn within their site."""
    return _by_site(hits(judged), judged.labels)


def balanced_accuracy_change(before: Judged, after: Judged) -> Interval:
    """Balanced accuracy after − before, paired: both are redrawn with the same frames."""
    return _by_site(hits(after) - hits(before), before.labels)


def information(judged: Judged, frequencies: Values) -> Interval:
    """1 − log loss / log loss of the training `frequencies` (sites,): the share of the site's uncertainty removed."""
    known_before = -np.log(frequencies[judged.labels])
    return _ratio(known_before - _losses(judged), known_before)


def information_change(before: Judged, after: Judged, frequencies: Values) -> Interval:
    """Information after − before, paired: both are redrawn with the same frames."""
    return _ratio(_losses(before) - _losses(after), -np.log(frequencies[before.labels]))


def difference(before: Values, after: Values) -> Interval:
    """mean(after) − mean(before) over the same frames."""
    return bootstrap_difference(before, after, level=LEVEL, resamples=RESAMPLES, seed=SEED)


def _losses(judged: Judged) -> Values:
    """The log loss of each held-in frame (N,), in nats."""
    own = judged.held_in[np.arange(len(judged.labels)), judged.labels]
    return np.asarray(-np.log(np.maximum(own, _FLOOR)))


def _ratio(above: Values, below: Values) -> Interval:
    """mean(above) / mean(below) over the same frames (N,)."""
    drawn = np.random.default_rng(SEED).integers(0, above.size, size=(RESAMPLES, above.size))
    redrawn = above[drawn].mean(axis=1) / below[drawn].mean(axis=1)
    return percentile_interval(float(above.mean() / below.mean()), redrawn, above.size, LEVEL)


def _by_site(values: Values, labels: Labels) -> Interval:
    """The mean over sites of a site's mean of `values` (N,)."""
    generator = np.random.default_rng(SEED)
    means, redrawn = [], []
    for site in np.unique(labels):
        of_site = values[labels == site]
        means.append(of_site.mean())
        redrawn.append(of_site[generator.integers(0, of_site.size, size=(RESAMPLES, of_site.size))].mean(axis=1))
    return percentile_interval(float(np.mean(means)), np.mean(redrawn, axis=0), values.size, LEVEL)
