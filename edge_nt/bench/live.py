"""A soak of the whole pipeline: scans at a frame rate through the very live run of a service, into real sinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from edge_nt.bench.device_conditions import device_conditions, mark_device
from edge_nt.bench.frames import BenchFrames
from edge_nt.bench.live_result import LiveBench, LiveRate, LiveSetup
from edge_nt.bench.live_stretch import MOST_HZ, OnSecond, Stretch, measure_stretch
from edge_nt.errors import InputError
from edge_nt.machine import describe_machine
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sources.source import Source
from edge_nt.stream.live_run import WAITING, default_in_flight
from edge_nt.stream.outputs import Outputs, sinks_of

_SATURATED_S = 30.0
_ALONE_S = 10.0
_WARMUP_FRAMES = 5
# A week: the longest time that makes sense, and far above every other setting.
_MOST = 604_800


@dataclass(frozen=True)
class LivePlan:
    """What to measure: `seconds` at each of `factors` times `fps`, then the pipeline as fast as it goes.

    `waiting` and `in_flight` are LiveRun's. Raises: InputError for a rate, time or bound that is
    none.
    """

    fps: float = 30.0
    seconds: float = 600.0
    factors: tuple[float, ...] = (1.0, 10.0)
    outputs: Outputs = field(default_factory=lambda: Outputs(pictures=False, latents="parquet"))
    waiting: int = WAITING
    in_flight: int | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("--fps", self.fps),
            ("--seconds", self.seconds),
            ("--rates", min(self.factors, default=0.0)),
            ("--waiting", self.waiting),
            ("--in-flight", 1 if self.in_flight is None else self.in_flight),
        ):
            if not 0 < value <= _MOST:
                raise InputError(expected=f"{name} above 0", got=f"{value:g}", fix="leave it out for the default")
        rates = {f"{self.fps * factor:g}" for factor in self.factors}
        if len(rates) < len(self.factors) or not all(self.fps * factor <= MOST_HZ for factor in self.factors):
            raise InputError(
                expected=f"--rates that differ, each of at most {MOST_HZ:g} Hz",
                got=", ".join(f"{self.fps * factor:g} Hz" for factor in self.factors),
                fix="correct --rates or --fps",
            )


@dataclass(frozen=True)
class Scans:
    """What is replayed: `frames` says what, and the engines warm up on them.

    `source_at` gives a live source of a rate in Hz that never ends, and for None one that waits for the pipeline.
    """

    frames: BenchFrames
    source_at: Callable[[float | None], Source]


def measure_live(
    crew: Sequence[Reconstructor],
    scans: Scans,
    plan: LivePlan,
    folder: Path,
    on_second: OnSecond,
    *,
    on_stretch: Callable[[LiveBench], None] = lambda _report: None,
) -> LiveBench:
    """Run the plan; each stretch writes into a new folder of its own below `folder`.

    `on_stretch` is given the report as far as it goes after every stretch but the last, since one takes minutes.
    Raises: what a source raises; InputError for latents that a live stream cannot keep.
    """
    setup = _setup(crew, scans.frames, plan, folder)
    for reconstructor in crew:
        for index in range(_WARMUP_FRAMES):
            reconstructor(scans.frames[index % len(scans.frames)])
    device = mark_device()
    alone = jobs_alone_per_s(crew, scans.frames, min(plan.seconds, _ALONE_S))
    rates: list[LiveRate] = []

    def so_far(saturated: LiveRate | None) -> LiveBench:
        conditions = device_conditions(device, mark_device())
        return LiveBench(describe_machine(), setup, conditions, tuple(rates), saturated, alone)

    for factor in plan.factors:
        rates.append(measure_stretch(crew, _stretch(plan.fps * factor, crew[0], scans, plan, folder), on_second))
        on_stretch(so_far(None))
    return so_far(measure_stretch(crew, _stretch(None, crew[0], scans, plan, folder), on_second))


def jobs_alone_per_s(crew: Sequence[Reconstructor], frames: BenchFrames, seconds: float) -> float:
    """Frames a second that the jobs reconstruct at the same time, each in a thread, with no pipeline around them."""
    start = perf_counter()

    def work(reconstructor: Reconstructor) -> int:
        done = 0
        while perf_counter() - start < seconds:
            reconstructor(frames[done % len(frames)])
            done += 1
        return done

    with ThreadPoolExecutor(len(crew)) as jobs:
        done = sum(jobs.map(work, crew))
    return done / (perf_counter() - start)


def _stretch(
    rate_hz: float | None, reconstructor: Reconstructor, scans: Scans, plan: LivePlan, folder: Path
) -> Stretch:
    own = folder / ("saturated" if rate_hz is None else f"{rate_hz:g}-hz")
    return Stretch(
        rate_hz=rate_hz,
        seconds=min(plan.seconds, _SATURATED_S) if rate_hz is None else plan.seconds,
        source=scans.source_at(rate_hz),
        sinks=sinks_of(plan.outputs, own, reconstructor, live=True),
        folder=own,
        waiting=plan.waiting,
        in_flight=plan.in_flight,
    )


def _setup(crew: Sequence[Reconstructor], frames: BenchFrames, plan: LivePlan, folder: Path) -> LiveSetup:
    manifest = crew[0].bundle.manifest
    sinks = sinks_of(plan.outputs, folder, crew[0], live=True)
    return LiveSetup(
        bundle=crew[0].bundle.folder.resolve().name,
        precision=manifest.precision,
        encoder_sha256=manifest.files["encoder.onnx"],
        backend=crew[0].session.backend,
        jobs=len(crew),
        waiting=plan.waiting,
        in_flight=default_in_flight(len(crew)) if plan.in_flight is None else plan.in_flight,
        sinks=(*(type(sink).__name__ for sink in sinks), "ResultLog"),
        frames=frames.origin,
        frame_sizes_px=frames.sizes(),
    )
