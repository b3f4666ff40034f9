"""Times of one frame's stages, and their percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_nt.errors import InputError
from edge_nt.runtime.reconstruction import StageTimes

# What a frame's clock tells apart, and two sums that ratios are quoted for: both graphs, and the whole frame.
PARTS = ("preprocess", "encode", "decode", "score")
STAGES = (*PARTS, "encode+decode", "total")


@dataclass(frozen=True)
class LatencyStats:
    """Times of one stage in milliseconds over `n` frames; percentiles are linear between neighbours."""

    n: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    mean_ms: float


def latency_stats(times_ms: Sequence[float]) -> LatencyStats:
    """The figures of at least one time. Raises: InputError for none."""
    if not len(times_ms):
        raise InputError(expected="at least one timed frame", got="none", fix="pass --frames 1 or more")
    p50, p95, p99 = (float(value) for value in np.percentile(times_ms, (50, 95, 99)))
    return LatencyStats(len(times_ms), p50, p95, p99, float(max(times_ms)), float(np.mean(times_ms)))


def stage_ms(times: StageTimes, stage: str) -> float:
    """One of STAGES in milliseconds."""
    if stage == "encode+decode":
        return times.encode_ms + times.decode_ms
    value: float = getattr(times, f"{stage}_ms")
    return value


def stage_stats(times: Sequence[StageTimes]) -> dict[str, LatencyStats]:
    """The figures of every one of STAGES. Raises: InputError for no times."""
    return {stage: latency_stats([stage_ms(each, stage) for each in times]) for stage in STAGES}
