"""How well a score tells out-of-distribution frames from in-distribution ones; a higher score means further out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.metrics.bootstrap import Interval, check_drawing, percentile_interval

Scores = NDArray[np.float64]


def auroc(in_scores: Scores, out_scores: Scores) -> float:
    """Chance in [0, 1] that a random out frame scores above a random in frame, ties counted half (Mann–Whitney).

    `in_scores` (N,) and `out_scores` (M,). Raises: InputError when either is empty, not one-dimensional or not finite.
    """
    inside = np.sort(_checked(in_scores, "in-distribution"))
    outside = _checked(out_scores, "out-of-distribution")
    below = np.searchsorted(inside, outside, side="left")
    not_above = np.searchsorted(inside, outside, side="right")
    return float((below + not_above).sum() / (2 * inside.size * outside.size))


def bootstrap_auroc(
    in_scores: Scores, out_scores: Scores, *, level: float = 0.95, resamples: int = 2000, seed: int
) -> Interval:
    """AUROC with its percentile interval, both sets redrawn by image; `n` is the size of the smaller set.

    Raises: InputError when either set is empty, not one-dimensional or not finite.
    """
    weights = _redrawn(in_scores.size, out_scores.size, resamples, seed)
    return _interval(auroc(in_scores, out_scores), _redrawn_auroc(in_scores, out_scores, weights), weights, level)


def bootstrap_auroc_change(
    before: tuple[Scores, Scores],
    after: tuple[Scores, Scores],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int,
) -> Interval:
    """AUROC after − AUROC before of the same frames, with a paired percentile interval.

    `before` and `after` are in-distribution scores (N,) and out-of-distribution scores (M,), frame by frame the same.
    Raises: InputError when a set is empty, not one-dimensional or not finite, or the two are not paired.
    """
    sizes = [(inside.size, outside.size) for inside, outside in (before, after)]
    if sizes[0] != sizes[1]:
        got = f"{sizes[0]} and {sizes[1]}"
        raise InputError(expected="the same frames before and after", got=got, fix="score one list of frames")
    estimate = auroc(*after) - auroc(*before)
    weights = _redrawn(*sizes[0], resamples, seed)
    return _interval(estimate, _redrawn_auroc(*after, weights) - _redrawn_auroc(*before, weights), weights, level)


Weights = tuple[NDArray[np.float64], NDArray[np.float64]]


def _redrawn(inside: int, outside: int, resamples: int, seed: int) -> Weights:
    """How often each frame of either set is drawn: (resamples, N) and (resamples, M)."""
    generator = np.random.default_rng(seed)
    first, second = (
        generator.multinomial(size, np.full(size, 1 / size), resamples).astype(np.float64) if size else np.zeros((0, 0))
        for size in (inside, outside)
    )
    return first, second


def _redrawn_auroc(in_scores: Scores, out_scores: Scores, weights: Weights) -> Scores:
    below = in_scores[:, None] < out_scores[None]
    wins = below + 0.5 * (in_scores[:, None] == out_scores[None])
    summed = np.einsum("rm,rm->r", weights[0] @ wins, weights[1])
    return np.asarray(summed / (in_scores.size * out_scores.size), np.float64)


def _interval(estimate: float, redrawn: Scores, weights: Weights, level: float) -> Interval:
    check_drawing(level, len(redrawn))
    return percentile_interval(estimate, redrawn, min(each.shape[1] for each in weights), level)


def fpr_at_tpr(in_scores: Scores, out_scores: Scores, tpr: float = 0.95) -> float:
    """Share in [0, 1] of out frames that pass as in-distribution at the threshold that keeps `tpr` of the in frames.

    The variant in which in-distribution is the positive class (Hendrycks and Gimpel 2017; Liang et al. 2018): a frame
    is kept when its score is at most `keep_threshold(in_scores, tpr)`. Lower is better.
    Raises: InputError when scores are empty, not one-dimensional or not finite, or `tpr` is not within (0, 1].
    """
    outside = _checked(out_scores, "out-of-distribution")
    return float(np.mean(outside <= keep_threshold(in_scores, tpr)))


def bootstrap_fpr_at_tpr(
    in_scores: Scores, out_scores: Scores, tpr: float = 0.95, *, level: float = 0.95, resamples: int = 2000, seed: int
) -> Interval:
    """`fpr_at_tpr` with its percentile interval, both sets redrawn by image, so that the threshold moves too.

    `n` is the size of the smaller set. Raises: InputError as `fpr_at_tpr` does.
    """
    estimate = fpr_at_tpr(in_scores, out_scores, tpr)
    inside, outside = np.sort(in_scores), np.sort(out_scores)
    weights = _redrawn(inside.size, outside.size, resamples, seed)
    # The k-th smallest of a redrawn set is where the weights of the sorted scores first sum to k.
    kept = math.ceil(round(tpr * inside.size, 9))
    thresholds = inside[(np.cumsum(weights[0], axis=1) >= kept).argmax(axis=1)]
    passing = outside[None] <= thresholds[:, None]
    redrawn = np.einsum("rm,rm->r", weights[1], passing) / outside.size
    return _interval(estimate, redrawn, weights, level)


def keep_threshold(in_scores: Scores, share: float) -> float:
    """The smallest of `in_scores` (N,) that at least `share` of them do not exceed.

    A score itself, never a value between two of them, so that the promised share is kept in samples of any size.
    Raises: InputError when scores are empty, not one-dimensional or not finite, or `share` is not within (0, 1].
    """
    if not 0.0 < share <= 1.0:
        raise InputError(expected="a share within (0, 1]", got=f"{share}", fix="pass, for example, 0.95")
    return float(np.quantile(_checked(in_scores, "in-distribution"), share, method="inverted_cdf"))


def _checked(scores: Scores, name: str) -> Scores:
    if scores.ndim != 1 or scores.size == 0 or not np.all(np.isfinite(scores)):
        raise InputError(
            expected=f"at least one finite {name} score, shape (N,)",
            got=f"shape {scores.shape}" + ("" if np.all(np.isfinite(scores)) else " with NaN or infinity"),
            fix="score at least one frame of each kind",
        )
    return scores
