"""Under what conditions figures were taken, and whether other programs were in the way."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.bench.latency_stats import LatencyStats


@dataclass(frozen=True)
class Conditions:
    """What was run and how busy the machine was.

    `others_cores` is how many cores, on average, programs other than this one kept busy during the measurement; None
    where the machine does not tell. `control` is a fixed piece of work (see CONTROL) timed once a round: when it
    moves between two reports, the machine did. `warnings` says in words what makes the figures doubtful.
    """

    frames: str
    frame_sizes_px: tuple[str, ...]
    rounds: int
    warmup: int
    settle_ms: float
    load_1_min_start: float | None
    load_1_min_end: float | None
    others_cores: float | None
    control: LatencyStats
    control_rounds_ns: str
    warnings: tuple[str, ...]
