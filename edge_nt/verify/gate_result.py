"""What one gate found: a non-inferiority verdict, judged on the worse end of an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from edge_nt.metrics.bootstrap import Interval

# The worse end of a two-sided interval of 95 % bounds a loss with this confidence.
CONFIDENCE = 0.975

State = Literal["pass", "FAIL", "not shown"]
Method = Literal["bootstrap over images", "order statistics", "exact binomial", "score density times shift"]


@dataclass(frozen=True)
class Bounds:
    """An estimate of a loss and the interval it may lie in, from `n` frames; `high` is the worse end.

    `confidence` is the chance with which the true loss lies at or below `high`.
    """

    estimate: float
    low: float
    high: float
    n: int
    confidence: float
    method: Method


def from_interval(interval: Interval, factor: float = 1.0) -> Bounds:
    """The bounds that a bootstrap interval of 95 % gives, times `factor`."""
    ends = interval.estimate * factor, interval.low * factor, interval.high * factor
    return Bounds(*ends, interval.n, CONFIDENCE, "bootstrap over images")


@dataclass(frozen=True)
class GateResult:
    """One loss of one group of frames against its limit, in `unit`; below 0 is a gain.

    ``pass``: the whole interval up to `bounds.high` clears the limit. ``FAIL``: even the better end is beyond it.
    ``not shown``: the interval straddles the limit, or there are too few frames; `reason` says which. `bounds` is None
    where nothing could be measured. `reference` and `candidate` are both sides' figures where there are such.
    """

    metric: str
    group: str
    unit: str
    reference: float | None
    candidate: float | None
    bounds: Bounds | None
    limit: float
    state: State
    reason: str

    @property
    def passed(self) -> bool:
        """Whether the gate passed; what is not shown has not."""
        return self.state == "pass"

    @property
    def margin_used(self) -> float:
        """The worse end as a share of the limit: up to 1 clears it; infinite where nothing could be measured."""
        if self.bounds is None:
            return math.inf
        if self.limit > 0:
            return self.bounds.high / self.limit
        return 0.0 if self.bounds.high <= 0 else math.inf


@dataclass(frozen=True)
class Loss:
    """What a gate judges: a loss with its bounds, None where nothing could be measured, and both sides' figures."""

    metric: str
    unit: str
    bounds: Bounds | None
    reference: float | None = None
    candidate: float | None = None


@dataclass(frozen=True)
class Evidence:
    """How many frames a verdict takes at least, and of what."""

    least: float
    frames: str


def judge_loss(loss: Loss, group: str, limit: float, evidence: Evidence) -> GateResult:
    """Hold the worse end of a loss against its limit."""
    state, reason = _state(loss.bounds, limit, evidence)
    sides = loss.reference, loss.candidate
    return GateResult(loss.metric, group, loss.unit, *sides, loss.bounds, limit, state, reason)


def _state(bounds: Bounds | None, limit: float, evidence: Evidence) -> tuple[State, str]:
    count = 0 if bounds is None else bounds.n
    if bounds is None or count < evidence.least:
        return "not shown", f"{count} {evidence.frames}; a verdict takes {evidence.least:g}"
    # Written so that NaN, which compares false with everything, never passes.
    if bounds.high <= limit:
        return "pass", ""
    if bounds.low > limit:
        return "FAIL", "the whole interval is beyond the limit"
    return "not shown", "the interval reaches beyond the limit"
