"""How often a candidate changes the OOD verdict, from few frames.

A count says little here: to bound a share by 1 % with 97.5 % confidence takes 368 frames without a single flip. But
each frame shows more than whether it flipped: how far its score lies from the threshold, and how far the candidate
moved it. So every frame's score is paired with every frame's shift, and the share of pairs that cross the threshold is
the estimate, redrawn by frame for its interval. It holds as far as shifts do not depend on the score; the plain count
checks that, since its exact interval must not contradict.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_nt.metrics.binomial import exact_share
from edge_nt.verify.gate_result import Bounds

_LEVEL, _RESAMPLES = 0.95, 2000


def flip_bounds(reference: NDArray[np.float64], candidate: NDArray[np.float64], *, seed: int) -> Bounds:
    """The share of frames in % whose verdict the candidate changes; scores (N,) in thresholds, above 1 is out.

    Where the counted flips alone show a larger share than the pairs say, their exact lower end is taken instead.
    """
    crossed = _crossings(reference, candidate - reference)
    count = reference.size
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), _RESAMPLES).astype(np.float64)
    redrawn = np.einsum("rn,rn->r", weights @ crossed, weights) / count**2
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(redrawn, [tail, 1 - tail])
    flips = int(np.sum((reference > 1) != (candidate > 1)))
    counted = exact_share(flips, count, _LEVEL).low
    estimate, low, high = (100.0 * max(float(value), counted) for value in (crossed.mean(), low, high))
    return Bounds(estimate, low, high, count, 1 - tail, "bootstrap over pairs of images")


def _crossings(scores: NDArray[np.float64], shifts: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where the score of the row's frame, moved by the shift of the column's frame, changes its verdict: (N, N)."""
    moved = scores[:, None] + shifts[None]
    return np.asarray((moved > 1) != (scores > 1)[:, None], np.float64)
