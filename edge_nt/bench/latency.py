"""Latency of bundles on this machine, several of them taking turns."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from edge_nt.bench.frames import BenchFrames
from edge_nt.errors import InputError
from edge_nt.machine import Machine, describe_machine
from edge_nt.runtime.reconstruction import StageTimes
from edge_nt.runtime.reconstructor import Reconstructor, load

REPORT_SCHEMA_VERSION = 1
STAGES = ("preprocess", "encode", "decode", "score", "total")


@dataclass(frozen=True)
class LatencyStats:
    """Times of one stage in milliseconds over `n` frames, after `warmup` frames that are not counted."""

    n: int
    warmup: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    mean_ms: float


@dataclass(frozen=True)
class ColdStart:
    """Once in a process: reading and verifying the bundle and building its session, then the very first frame."""

    load_ms: float
    first_frame_ms: float


@dataclass(frozen=True)
class BundleLatency:
    """One bundle's figures; `stages` has an entry for each of STAGES, the last of them the whole frame."""

    bundle: str
    precision: str
    encoder_sha256: str
    cold_start: ColdStart
    stages: dict[str, LatencyStats]


@dataclass(frozen=True)
class BenchReport:
    """What `edge-nt bench` measured; `file_decode` is None when the frames came out of the bundle."""

    machine: Machine
    frames: str
    frame_sizes_px: tuple[str, ...]
    bundles: tuple[BundleLatency, ...]
    file_decode: LatencyStats | None
    schema_version: int = REPORT_SCHEMA_VERSION


def latency_stats(times_ms: Sequence[float], warmup: int) -> LatencyStats:
    """Percentiles (linear between neighbours) of at least one time. Raises: InputError for none."""
    if not times_ms:
        raise InputError(expected="at least one timed frame", got="none", fix="pass --frames 1 or more")
    p50, p95, p99 = (float(value) for value in np.percentile(times_ms, (50, 95, 99)))
    return LatencyStats(len(times_ms), warmup, p50, p95, p99, max(times_ms), float(np.mean(times_ms)))


def measure_latency(
    folders: Sequence[Path],
    frames: BenchFrames,
    *,
    count: int,
    warmup: int,
    threads: int | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> BenchReport:
    """Time `count` frames through each bundle after `warmup` more, the bundles taking turns on every frame.

    Taking turns, with another bundle first each time, shares clock changes and visitors of the machine out evenly.
    `on_frame` is called with the rounds done and their total, outside the timed part.
    Raises: InputError for fewer than 1 frame or warm-up frame, or a bundle that cannot be read.
    """
    for name, value in (("--frames", count), ("--warmup", warmup)):
        if value < 1:
            raise InputError(expected=f"{name} of at least 1", got=str(value), fix="leave it out for the default")
    machine = describe_machine(threads)
    started = [_cold_start(folder, frames, threads) for folder in folders]
    times: list[list[StageTimes]] = [[] for _ in started]
    for index in range(warmup + count):
        frame = frames[index % len(frames)]
        for turn in range(len(started)):
            which = (index + turn) % len(started)
            times[which].append(started[which][0](frame).times)
        if on_frame is not None:
            on_frame(index + 1, warmup + count)
    bundles = tuple(
        _bundle_latency(reconstructor, cold, taken, warmup)
        for (reconstructor, cold), taken in zip(started, times, strict=True)
    )
    decode = latency_stats(frames.decode_ms, 0) if frames.decode_ms else None
    return BenchReport(machine, frames.origin, frames.sizes(), bundles, decode)


def _cold_start(folder: Path, frames: BenchFrames, threads: int | None) -> tuple[Reconstructor, ColdStart]:
    gc.collect()
    start = perf_counter()
    reconstructor = load(folder, threads)
    loaded = perf_counter()
    first = reconstructor(frames[0]).times
    return reconstructor, ColdStart((loaded - start) * 1e3, first.total_ms)


def _bundle_latency(
    reconstructor: Reconstructor, cold: ColdStart, times: Sequence[StageTimes], warmup: int
) -> BundleLatency:
    bundle = reconstructor.bundle
    timed = times[warmup:]
    stages = {stage: latency_stats([getattr(each, f"{stage}_ms") for each in timed], warmup) for stage in STAGES}
    encoder_sha256 = bundle.manifest.files["encoder.onnx"]
    return BundleLatency(bundle.folder.resolve().name, bundle.manifest.precision, encoder_sha256, cold, stages)
