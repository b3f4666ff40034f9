"""One stretch of a soak: a source through a live run for so many seconds, with everything that is measured of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

import numpy as np

from edge_nt.bench.conditions import Mark, busy_warnings, mark, others_cores
from edge_nt.bench.latency_stats import latency_stats
from edge_nt.bench.live_result import LiveRate
from edge_nt.bench.resident import ResidentSampler, reset_peak, resident_trend, warmup_s
from edge_nt.machine import usable_cores
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sensors.memory import peak_resident_mb
from edge_nt.sensors.not_measured import NotMeasured
from edge_nt.sinks.log_segments import LogLimits
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Sink
from edge_nt.sources.source import Source
from edge_nt.stream.live_run import LiveRun, LiveSummary

# What is going on, seconds done, seconds in all.
OnSecond = Callable[[str, float, float], None]
# More than a pipeline was ever seen to do; beyond it latencies are those of the first frames.
MOST_HZ = 2000.0
# As a service: a power cut costs a second of lines, and no frame waits for the disk.
_LOG_LIMITS = LogLimits(sync_every_s=1.0)


@dataclass(frozen=True)
class Stretch:
    """`source` for `seconds` into `sinks`, not yet entered, and `folder`, which is new, within LiveRun's two bounds.

    `rate_hz` is the source's; None where it waits, as fast as the pipeline takes frames.
    """

    rate_hz: float | None
    seconds: float
    source: Source
    sinks: Sequence[Sink]
    folder: Path
    waiting: int
    in_flight: int | None

    @property
    def name(self) -> str:
        """What a person is shown."""
        return "saturated" if self.rate_hz is None else f"{self.rate_hz:g} Hz"


class _Latencies:
    """Milliseconds from offer to written; its memory is touched at once, so that it is no part of the trend."""

    def __init__(self, most: int) -> None:
        self._values_ms = np.full(most, np.nan)
        self._count = 0

    def add(self, frame: FinishedFrame | FailedFrame) -> None:
        if isinstance(frame, FinishedFrame) and self._count < len(self._values_ms):
            self._values_ms[self._count] = (perf_counter() - frame.offer.clock_s) * 1e3
            self._count += 1

    def values_ms(self) -> Sequence[float]:
        values: list[float] = self._values_ms[: self._count].tolist()
        return values


@dataclass(frozen=True)
class _Run:
    """What was collected while one stretch ran."""

    summary: LiveSummary
    latencies: _Latencies
    memory: ResidentSampler
    peak_reset: bool
    span: tuple[Mark, Mark]
    stop_s: float | None


def measure_stretch(crew: Sequence[Reconstructor], stretch: Stretch, on_second: OnSecond) -> LiveRate:
    """Run the source until the seconds are over or it ends. Raises: what it raises."""
    stretch.folder.mkdir(parents=True)
    latencies = _Latencies(ceil((stretch.rate_hz or MOST_HZ) * (stretch.seconds + 2)) + 100)
    memory = ResidentSampler(most=ceil(stretch.seconds) + 10)
    with ExitStack() as stack:
        log = stack.enter_context(ResultLog(stretch.folder, crew[0].verdict, _LOG_LIMITS, bundle=crew[0].bundle.sha256))
        for sink in stretch.sinks:
            stack.enter_context(sink)
        live = LiveRun(
            crew,
            stretch.source,
            stretch.sinks,
            log,
            waiting=stretch.waiting,
            in_flight=stretch.in_flight,
            on_frame=latencies.add,
        )
        peak_reset = reset_peak()
        start = mark()
        stack.enter_context(memory)
        with _stopped_after(live, stretch, on_second) as asked_s:
            summary = live.run()
            ended_s = perf_counter()
        span = start, mark()
        stop_s = ended_s - asked_s[0] if asked_s else None
    return _result(stretch, _Run(summary, latencies, memory, peak_reset, span, stop_s))


@contextmanager
def _stopped_after(live: LiveRun, stretch: Stretch, on_second: OnSecond) -> Iterator[list[float]]:
    """Stop the run when its seconds are over; the list then holds the moment."""
    left, asked_s = Event(), list[float]()

    def watch() -> None:
        start_s = perf_counter()
        while (gone_s := perf_counter() - start_s) < stretch.seconds:
            on_second(stretch.name, gone_s, stretch.seconds)
            if left.wait(min(1.0, stretch.seconds - gone_s)):
                return
        asked_s.append(perf_counter())
        live.stop()

    watcher = Thread(target=watch, name="seconds", daemon=True)
    watcher.start()
    try:
        yield asked_s
    finally:
        left.set()
        watcher.join()


def _result(stretch: Stretch, run: _Run) -> LiveRate:
    counts, samples = run.summary.counts, run.memory.samples()
    warm_s = warmup_s(stretch.seconds)
    trend, peak = resident_trend(samples, warm_s), peak_resident_mb()
    times_ms = run.latencies.values_ms()
    readings = {"resident": trend, "peak_mb": peak}
    elapsed_s = run.span[1].clock_s - run.span[0].clock_s
    return LiveRate(
        rate_hz=stretch.rate_hz,
        seconds=run.summary.seconds,
        offered=counts.offered,
        done=counts.done,
        failed=counts.failed,
        dropped=counts.dropped,
        left_behind=counts.under_way,
        write_errors=counts.write_errors,
        frames_per_s=counts.done / run.summary.seconds,
        latency=latency_stats(times_ms) if times_ms else None,
        peak_mb=None if isinstance(peak, NotMeasured) else peak,
        peak_reset=run.peak_reset,
        resident=None if isinstance(trend, NotMeasured) else trend,
        resident_samples_mb=" ".join(f"{value:.2f}" for value in samples.mb),
        cores_used=(run.span[1].process_s - run.span[0].process_s) / elapsed_s,
        others_cores=others_cores(*run.span),
        stop_s=run.stop_s,
        not_measured={name: each.reason for name, each in readings.items() if isinstance(each, NotMeasured)},
        warnings=busy_warnings(*run.span, usable_cores()),
    )
