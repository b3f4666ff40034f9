"""How a variant compares with the baseline, round by round."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.metrics.bootstrap import Interval


@dataclass(frozen=True)
class Ratio:
    """The median over rounds of variant / baseline for one stage; below 1 the variant is faster."""

    variant: str
    baseline: str
    stage: str
    ratio: Interval
