"""How a variant compares with the baseline, round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.bench.latency_stats import stage_ms
from edge_nt.metrics.bootstrap import Interval, bootstrap_median
from edge_nt.runtime.reconstruction import StageTimes

RATIO_STAGES = ("encode+decode", "total")
# Fixed, so that one file of rounds always gives one interval.
_SEED = 0


@dataclass(frozen=True)
class Ratio:
    """The median over rounds of variant / baseline for one stage; below 1 the variant is faster."""

    variant: str
    baseline: str
    stage: str
    ratio: Interval


def ratios_to(baseline: str, times: Mapping[str, Sequence[StageTimes]]) -> tuple[Ratio, ...]:
    """The ratios of every variant but the baseline, with 95 % bootstrap intervals over rounds.

    Both were timed within one round, so that what slows a whole round cancels. Empty when the baseline did not run.
    """
    if baseline not in times:
        return ()
    return tuple(
        Ratio(name, baseline, stage, bootstrap_median(_stage(own, stage) / _stage(times[baseline], stage), seed=_SEED))
        for name, own in times.items()
        if name != baseline
        for stage in RATIO_STAGES
    )


def _stage(times: Sequence[StageTimes], stage: str) -> NDArray[np.float64]:
    return np.array([stage_ms(each, stage) for each in times], np.float64)
