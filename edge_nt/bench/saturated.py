"""Back to back: how fast frames go through one variant when the next one is always waiting."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.bench.latency_stats import LatencyStats


@dataclass(frozen=True)
class Energy:
    """Joules a frame over the saturated blocks, with what the machine draws when idle; or why there are none."""

    meter: str | None
    joules_per_frame: float | None
    idle_w: float | None
    not_measured: str | None


@dataclass(frozen=True)
class SaturatedResult:
    """Frames one after another without a pause, in `blocks` blocks that alternate with the other variants'."""

    variant: str
    blocks: int
    frames_per_s: float
    stages: dict[str, LatencyStats]
    energy: Energy
