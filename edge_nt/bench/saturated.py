"""Back to back: how fast frames go through one variant when the next one is always waiting, and what that draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter, sleep

from edge_nt.bench.frames import BenchFrames
from edge_nt.bench.interleaved import Failures, Started
from edge_nt.bench.latency_stats import LatencyStats, stage_stats
from edge_nt.runtime.reconstruction import StageTimes
from edge_nt.sensors.power import EnergyMeter, NoMeter, idle_w

BLOCKS = 4
_COMPARED = "encode+decode"
# At the head of each block, not counted: caches and clock settle.
_LEAD_IN_FRAMES = 5


@dataclass(frozen=True)
class Energy:
    """Joules a frame over the saturated blocks, with what the machine draws when idle; or why there are none."""

    meter: str | None
    joules_per_frame: float | None
    idle_w: float | None
    not_measured: str | None


@dataclass(frozen=True)
class SaturatedResult:
    """Frames one after another without a pause, in `blocks` blocks that alternate with the other variants'.

    `encode_decode_ratio` is the median of encode + decode over the baseline's; None where the baseline did not run.
    """

    variant: str
    blocks: int
    frames_per_s: float
    encode_decode_ratio: float | None
    stages: dict[str, LatencyStats]
    energy: Energy


@dataclass
class _Tally:
    times: list[StageTimes] = field(default_factory=list)
    elapsed_s: float = 0.0
    joules: float = 0.0
    sensor_failed: str | None = None


def measure_saturated(
    started: Sequence[Started],
    frames: BenchFrames,
    *,
    count: int,
    settle_ms: float,
    baseline: str | None,
    meter: EnergyMeter | NoMeter,
    failures: Failures,
    on_block: Callable[[int, int], None] | None = None,
) -> tuple[SaturatedResult, ...]:
    """`count` frames (or a few more) through each variant in BLOCKS alternating blocks, another first each time."""
    tallies = {each.name: _Tally() for each in started}
    idle = None
    if not isinstance(meter, NoMeter):
        try:
            idle = idle_w(meter)
        except (OSError, ValueError) as error:  # a sensor that fails takes no times along
            meter = NoMeter(f"{meter.name}: {error}")
    size = -(-count // BLOCKS)
    for block in range(BLOCKS):
        running = failures.without(started)
        for turn in range(len(running)):
            each = running[(block + turn) % len(running)]
            sleep(settle_ms / 1e3)
            try:
                _run_block(each, frames, range(block * size, (block + 1) * size), meter, tallies[each.name])
            except Exception as error:  # Engines' own errors share no narrower base class.
                failures.add(each.name, error)
        if on_block is not None:
            on_block(block + 1, BLOCKS)
    whole = {each.name: tallies[each.name] for each in failures.without(started)}
    return tuple(_result(name, tally, whole.get(baseline or ""), meter, idle) for name, tally in whole.items())


def _run_block(
    started: Started, frames: BenchFrames, which: range, meter: EnergyMeter | NoMeter, tally: _Tally
) -> None:
    for index in range(_LEAD_IN_FRAMES):
        started.reconstructor(frames[index % len(frames)])
    with nullcontext() if isinstance(meter, NoMeter) else _counted(meter, tally):
        _time_frames(started, frames, which, tally)


@contextmanager
def _counted(meter: EnergyMeter, tally: _Tally) -> Iterator[None]:
    """Count the joules of the block; a sensor that fails is noted, and takes no times along."""
    before = meter.joules
    try:
        meter.__enter__()
    except (OSError, ValueError) as error:
        tally.sensor_failed = str(error)
        yield
        return
    try:
        yield
    finally:
        try:
            meter.__exit__(None, None, None)
        except (OSError, ValueError) as error:
            tally.sensor_failed = str(error)
        tally.joules += meter.joules - before


def _time_frames(started: Started, frames: BenchFrames, which: range, tally: _Tally) -> None:
    begin = perf_counter()
    for index in which:
        tally.times.append(started.reconstructor(frames[index % len(frames)]).times)
    tally.elapsed_s += perf_counter() - begin


def _result(
    name: str, tally: _Tally, baseline: _Tally | None, meter: EnergyMeter | NoMeter, idle: float | None
) -> SaturatedResult:
    count, stages = len(tally.times), stage_stats(tally.times)
    if isinstance(meter, NoMeter):
        energy = Energy(None, None, None, meter.reason)
    elif tally.sensor_failed is not None:
        energy = Energy(None, None, None, f"{meter.name}: {tally.sensor_failed}")
    else:
        energy = Energy(meter.name, tally.joules / count, idle, None)
    ratio = None
    if baseline is not None:
        ratio = stages[_COMPARED].p50_ms / stage_stats(baseline.times)[_COMPARED].p50_ms
    return SaturatedResult(name, BLOCKS, count / tally.elapsed_s, ratio, stages, energy)
