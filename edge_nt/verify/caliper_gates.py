"""The gates in the units of the measurement: what the candidate does to caliper readings of its reconstructions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_nt.metrics.binomial import exact_share, quantile_bounds
from edge_nt.metrics.bootstrap import bootstrap_interval, bootstrap_median
from edge_nt.verify.frame_comparison import CaliperTriple
from edge_nt.verify.gate_result import CONFIDENCE, Bounds, Evidence, GateResult, Loss, from_interval, judge_loss
from edge_nt.verify.gates import CaliperGates
from edge_nt.verify.group_figures import drifts

_SEED = 0


def judge_calipers(group: str, calipers: Sequence[CaliperTriple], gates: CaliperGates) -> tuple[GateResult, ...]:
    """Median, 95th percentile and bias of the drift, and the share newly not measurable, of one group."""
    unit, drift = drifts(calipers)
    in_mm = unit == "mm"
    limits = (
        gates.median_drift_max_mm if in_mm else gates.median_drift_max_px,
        gates.p95_drift_max_mm if in_mm else gates.p95_drift_max_px,
        gates.bias_max_mm if in_mm else gates.bias_max_px,
    )
    names = ("caliper drift, median", "caliper drift, p95", "caliper bias")
    both = Evidence(gates.min_frames, "frames measured by both")
    judged = zip(names, _drift_bounds(drift), limits, strict=True)
    found = (judge_loss(Loss(name, unit, bounds), group, limit, both) for name, bounds, limit in judged)
    before = Evidence(gates.min_frames, "frames measurable in the reference")
    return (*found, judge_loss(_lost(calipers), group, gates.newly_not_measurable_max_percent, before))


def _drift_bounds(drift: NDArray[np.float64]) -> tuple[Bounds | None, ...]:
    """Of the median and the 95th percentile of |drift|, and of |mean drift|."""
    if not drift.size:
        return None, None, None
    tail = quantile_bounds(np.abs(drift), 0.95)
    return (
        from_interval(bootstrap_median(np.abs(drift), seed=_SEED)),
        # Resampled, a 95th percentile never lies above the largest value seen; order statistics say how sure that is.
        Bounds(tail.estimate, tail.low, tail.high, tail.n, tail.high_confidence, "order statistics"),
        _size(from_interval(bootstrap_interval(drift, seed=_SEED))),
    )


def _size(bounds: Bounds) -> Bounds:
    """The bounds of |x| from those of x: a bias is a loss in either direction."""
    ends = abs(bounds.low), abs(bounds.high)
    low = 0.0 if bounds.low <= 0 <= bounds.high else min(ends)
    return Bounds(abs(bounds.estimate), low, max(ends), bounds.n, bounds.confidence, bounds.method)


def _lost(calipers: Sequence[CaliperTriple]) -> Loss:
    metric, measurable = "newly not measurable", [each for each in calipers if each.reference.measurable]
    if not measurable:
        return Loss(metric, "%", None)
    # A bootstrap of a count of 0 is 0 in every resample and would bound nothing.
    share = exact_share(sum(not each.candidate.measurable for each in measurable), len(measurable))
    percent = [100.0 * value for value in (share.events / share.n, share.low, share.high)]
    sides = [100.0 * sum(each) / len(calipers) for each in zip(*map(_measurable, calipers), strict=True)]
    bounds = Bounds(percent[0], percent[1], percent[2], share.n, CONFIDENCE, "exact binomial")
    return Loss(metric, "%", bounds, sides[0], sides[1])


def _measurable(each: CaliperTriple) -> tuple[bool, bool]:
    return each.reference.measurable, each.candidate.measurable
