"""How well a score tells out-of-distribution frames from in-distribution ones; a higher score means further out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError

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


def fpr_at_tpr(in_scores: Scores, out_scores: Scores, tpr: float = 0.95) -> float:
    """Share in [0, 1] of out frames that pass as in-distribution at the threshold that keeps `tpr` of the in frames.

    The variant in which in-distribution is the positive class (Hendrycks and Gimpel 2017; Liang et al. 2018): a frame
    is kept when its score is at most `keep_threshold(in_scores, tpr)`. Lower is better.
    Raises: InputError when scores are empty, not one-dimensional or not finite, or `tpr` is not within (0, 1].
    """
    outside = _checked(out_scores, "out-of-distribution")
    return float(np.mean(outside <= keep_threshold(in_scores, tpr)))


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
