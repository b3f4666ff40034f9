"""How often a candidate changes the OOD verdict, from few frames.

A count says little here: to bound a share by 1 % with 97.5 % confidence takes 368 frames without a single flip. But a
flip takes a score that lies nearer to the threshold than the candidate shifts it, and both can be bounded from few
frames: how dense scores lie about the threshold, and how far they are shifted. The share of flips is the density times
the mean size of a shift, as far as the density is even over the shifts and these do not depend on the score. The plain
count checks that: its exact interval must not contradict.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_nt.metrics.binomial import exact_share
from edge_nt.metrics.bootstrap import bootstrap_interval
from edge_nt.verify.gate_result import CONFIDENCE, Bounds

# In thresholds, to either side: wide enough to hold frames, narrower than scores scatter, and twice the shift that its
# own gate lets pass.
_NEAR = 0.1
# Two bounds are multiplied: each may err half as often, so that the product errs no more often than a bound alone.
_LEVEL, _LEVEL_OF_EACH = 0.95, 0.975


def flip_bounds(reference: NDArray[np.float64], candidate: NDArray[np.float64], *, seed: int) -> Bounds:
    """The share of frames in % whose verdict the candidate changes; scores (N,) in thresholds, above 1 is out.

    Where even the lower end of the counted flips is beyond what density and shift allow, shifts do depend on the score,
    and the count's own exact interval is taken instead.
    """
    count = reference.size
    near = exact_share(int(np.sum(np.abs(reference - 1) < _NEAR)), count, _LEVEL_OF_EACH)
    shift = bootstrap_interval(np.abs(candidate - reference), level=_LEVEL_OF_EACH, seed=seed)
    flips = int(np.sum((reference > 1) != (candidate > 1)))
    counted = exact_share(flips, count, _LEVEL)
    pairs = ((near.events / count, shift.estimate), (near.low, shift.low), (near.high, shift.high))
    shares = [min(max(share / (2 * _NEAR) * moved, counted.low), 1.0) for share, moved in pairs]
    if flips and shares[2] == counted.low:
        ends = 100.0 * flips / count, 100.0 * counted.low, 100.0 * counted.high
        return Bounds(*ends, count, CONFIDENCE, "exact binomial")
    estimate, low, high = (100.0 * share for share in shares)
    return Bounds(estimate, low, high, count, CONFIDENCE, "score density times shift")
