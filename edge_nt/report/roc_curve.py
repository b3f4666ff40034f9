"""The points of a ROC curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]


def roc_points(inside: Sequence[float], outside: Sequence[float]) -> tuple[Point, ...]:
    """(share of `inside` flagged, share of `outside` flagged) as the threshold falls past every score.

    From (0, 0) to (1, 1); scores that are equal fall together, so that the area below is the AUROC with ties half.
    """
    first, second = np.sort(inside), np.sort(outside)
    thresholds = np.unique(np.concatenate([first, second]))[::-1]
    shares = [1 - np.searchsorted(each, thresholds, side="left") / each.size for each in (first, second)]
    return ((0.0, 0.0), *zip(shares[0].tolist(), shares[1].tolist(), strict=True))


def share_above(scores: Sequence[float], threshold: float) -> float:
    """The share of scores above a threshold: what is flagged there."""
    return float(np.mean(np.asarray(scores) > threshold))
