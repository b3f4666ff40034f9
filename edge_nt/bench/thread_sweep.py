"""How each variant's latency changes with the number of threads inside an operator."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.bench.latency_stats import LatencyStats


@dataclass(frozen=True)
class ThreadResult:
    """One variant with a number of threads, measured settled and interleaved; or the reason why it failed."""

    variant: str
    threads: int
    failed: str | None
    encode_decode: LatencyStats | None
    total: LatencyStats | None
