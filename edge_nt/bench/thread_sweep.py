"""How each variant's latency changes with the number of threads inside an operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_nt.bench.frames import BenchFrames
from edge_nt.bench.interleaved import Failures, interleave, start_variants
from edge_nt.bench.latency_stats import LatencyStats, stage_stats
from edge_nt.bench.variant import Variant
from edge_nt.runtime.reconstruction import StageTimes


@dataclass(frozen=True)
class ThreadResult:
    """One variant with a number of threads, measured as in `interleave`; or the reason why it failed."""

    variant: str
    threads: int
    failed: str | None
    encode_decode: LatencyStats | None
    total: LatencyStats | None


def sweep_threads(
    sweep: Mapping[int, Sequence[Variant]], frames: BenchFrames, *, rounds: int, warmup: int, settle_ms: float
) -> tuple[ThreadResult, ...]:
    """Every number of threads in turn, its variants interleaved among themselves."""
    results: list[ThreadResult] = []
    for threads, variants in sweep.items():
        failures = Failures()
        started = start_variants(variants, frames[0], settle_ms, failures)
        measured = interleave(started, frames, rounds=rounds, warmup=warmup, settle_ms=settle_ms, failures=failures)
        results += [_result(each.name, threads, measured.times.get(each.name), failures) for each in variants]
    return tuple(results)


def _result(name: str, threads: int, times: Sequence[StageTimes] | None, failures: Failures) -> ThreadResult:
    if times is None:
        return ThreadResult(name, threads, failures.reasons[name], None, None)
    stages = stage_stats(times)
    return ThreadResult(name, threads, None, stages["encode+decode"], stages["total"])
