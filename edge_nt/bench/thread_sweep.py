"""How each variant's latency changes with the number of threads inside an operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
    """Each variant by itself with all its numbers of threads interleaved; `sweep` has the same variants for each."""
    results: list[ThreadResult] = []
    for same in zip(*sweep.values(), strict=True):
        name = same[0].name
        by_threads = {
            threads: replace(variant, identity=replace(variant.identity, name=f"{name}, {threads} threads"))
            for threads, variant in zip(sweep, same, strict=True)
        }
        failures = Failures()
        started = start_variants(tuple(by_threads.values()), frames[0], settle_ms, failures)
        measured = interleave(started, frames, rounds=rounds, warmup=warmup, settle_ms=settle_ms, failures=failures)
        results += [
            _result(name, threads, measured.times.get(each.name), failures.reasons.get(each.name))
            for threads, each in by_threads.items()
        ]
    return tuple(results)


def _result(name: str, threads: int, times: Sequence[StageTimes] | None, failed: str | None) -> ThreadResult:
    if times is None:
        return ThreadResult(name, threads, failed, None, None)
    stages = stage_stats(times)
    return ThreadResult(name, threads, None, stages["encode+decode"], stages["total"])
