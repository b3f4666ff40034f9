"""The least time that this machine's arithmetic allows for a frame: its work over the best rate measured here."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter, sleep

import torch

from edge_nt.bench.floor_result import (
    ComputeFloor,
    FloorPrecision,
    FloorRatio,
    PeakKernel,
    PrecisionFloor,
    TimedVariant,
)
from edge_nt.errors import InputError
from edge_nt.machine import usable_cores
from edge_nt.workbench.graph_work import LayerWork
from edge_nt.workbench.instruction_rate import multiply_adds_per_cycle, physical_cores
from edge_nt.workbench.peak_kernels import PeakCandidate, Runner, peak_candidates

# Threads of one engine go on spinning for some milliseconds, and would take the cores from the next one.
SETTLE_S = 0.06
_WARM_UP_S = 0.1
_BLOCKS = 5
_BLOCK_S = 0.06
# A kernel that a processor emulates takes seconds a run: it leads nothing, and two runs say so.
_BUDGET_S = 1.0
_PASS_VALUES = 1 << 26  # 256 MB of float32, beyond any cache
_FLOOR_OF: dict[str, FloorPrecision] = {"int8": "int8", "fp16": "bf16", "bf16": "bf16", "fp32": "fp32"}


def measure_floor(
    work: Sequence[LayerWork],
    timed: Sequence[TimedVariant],
    *,
    threads: int | None = None,
    candidates: Sequence[PeakCandidate] | None = None,
    on_kernel: Callable[[int, int], None] = lambda _done, _total: None,
) -> ComputeFloor:
    """Measure the peaks with `threads` threads (None: every usable core) and hold variants against them.

    `timed` are the variants to hold against them. Weights and activations are taken as free, so a
    floor cannot be reached; it says how much is left. `candidates` None tries every kernel, in about half a minute.
    Raises: InputError when no engine has a kernel at a precision.
    """
    threads = threads or usable_cores()
    tried: dict[FloorPrecision, list[PeakKernel]] = {"int8": [], "bf16": [], "fp32": []}
    with torch_threads(threads):
        candidates = peak_candidates(threads) if candidates is None else candidates
        for index, candidate in enumerate(candidates):
            tried[candidate.precision].append(_measure(candidate))
            on_kernel(index + 1, len(candidates))
        memory_gb_per_s = _memory_rate()
    total = sum(layer.multiply_adds for layer in work)
    precisions = tuple(_floor(precision, kernels, total, threads) for precision, kernels in tried.items())
    floors = {floor.precision: floor.floor_ms for floor in precisions}
    return ComputeFloor(
        multiply_adds=total,
        threads=threads,
        precisions=precisions,
        memory_gb_per_s=memory_gb_per_s,
        ratios=tuple(_ratio(each, floors) for each in timed),
    )


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Run torch with a number of threads, and give it back its own afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _measure(candidate: PeakCandidate) -> PeakKernel:
    named = candidate.engine, candidate.kernel, candidate.shape
    try:
        run = candidate.build()
        rate = candidate.multiply_adds / _best_seconds(run) / 1e9
    except Exception as error:  # an engine or kernel that this machine lacks is recorded, and another one leads
        return PeakKernel(*named, None, (str(error).splitlines() or [type(error).__name__])[0])
    del run
    gc.collect()
    sleep(SETTLE_S)
    return PeakKernel(*named, rate, None)


def _best_seconds(run: Runner) -> float:
    """Seconds a run, sustained over a block of runs; the best block, since other programs only ever add time."""
    start, runs = perf_counter(), 0
    while perf_counter() - start < _WARM_UP_S or not runs:
        run()
        runs += 1
    each = max(1, round(runs * _BLOCK_S / (perf_counter() - start)))
    blocks: list[float] = []
    while len(blocks) < _BLOCKS and sum(blocks) * each < _BUDGET_S:
        start = perf_counter()
        for _ in range(each):
            run()
        blocks.append((perf_counter() - start) / each)
    return min(blocks)


def _memory_rate() -> float:
    values = torch.zeros(_PASS_VALUES)
    # Read and written in place: no second array, no lines fetched only to be overwritten.
    return 2 * values.element_size() * len(values) / _best_seconds(lambda: values.add_(1.0)) / 1e9


def _floor(precision: FloorPrecision, tried: Sequence[PeakKernel], multiply_adds: int, threads: int) -> PrecisionFloor:
    rates = {kernel: kernel.giga_multiply_adds_per_s for kernel in tried}
    measured = {kernel: rate for kernel, rate in rates.items() if rate is not None}
    if not measured:
        raise InputError(
            expected=f"an engine with a kernel at {precision}",
            got="; ".join(f"{kernel.engine}: {kernel.failed}" for kernel in tried),
            fix="pip install 'edge-nt[peers]', or leave --floor out",
        )
    fastest = max(measured, key=measured.__getitem__)
    rate = measured[fastest]
    per_cycle, cores = multiply_adds_per_cycle().get(precision), physical_cores()
    # Two threads of one core share its pipe.
    pipes = None if cores is None else min(threads, cores)
    return PrecisionFloor(
        precision=precision,
        fastest=fastest,
        tried=tuple(tried),
        floor_ms=multiply_adds / rate / 1e6,
        per_cycle=per_cycle,
        full_pipe_ghz=rate / (per_cycle * pipes) if per_cycle and pipes else None,
    )


def _ratio(timed: TimedVariant, floors: dict[FloorPrecision, float]) -> FloorRatio:
    identity, took_ms = timed.identity, timed.encode_decode_ms
    # OpenVINO's bfloat16 backend computes an FP32 graph in bfloat16, whatever the bundle is called.
    in_bf16 = identity.backend.endswith("bf16") and identity.precision != "int8"
    precision = "bf16" if in_bf16 else _FLOOR_OF[identity.precision]
    return FloorRatio(identity.name, timed.mode, precision, took_ms, floors[precision], took_ms / floors[precision])
