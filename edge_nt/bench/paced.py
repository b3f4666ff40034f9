"""At the frame rate of a probe: each frame has a moment when it comes, and must be done before the next one."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.bench.latency_stats import LatencyStats


@dataclass(frozen=True)
class PacedResult:
    """One variant at one rate. A frame is due at a fixed moment; it misses when it ends after the next one is due.

    `start_jitter` is start − due moment; `latency` is end − start; `response` is end − due moment.
    """

    variant: str
    rate_hz: float
    frames: int
    missed: int
    start_jitter: LatencyStats
    latency: LatencyStats
    response: LatencyStats
