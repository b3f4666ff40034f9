"""At the frame rate of a probe: each frame has a moment when it comes, and must be done before the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, sleep

from edge_nt.bench.frames import BenchFrames
from edge_nt.bench.interleaved import Failures, Started
from edge_nt.bench.latency_stats import LatencyStats, latency_stats
from edge_nt.errors import InputError

# Not counted: the first frames after another variant find its caches.
_LEAD_IN_FRAMES = 5


@dataclass(frozen=True)
class PacedResult:
    """One variant at one rate over `frames` frames, each due at a fixed moment of one clock.

    A frame misses its deadline when it is not done as the next one is due. `missed` counts those; `dropped` of them
    never started because the next frame was already there. `start_jitter` is start − due, `latency` end − start, and
    `response` end − due, what the operator waits; all three are over the frames that ran.
    """

    variant: str
    rate_hz: float
    frames: int
    missed: int
    dropped: int
    start_jitter: LatencyStats
    latency: LatencyStats
    response: LatencyStats


def check_rate(rate_hz: float) -> None:
    """Refuse what is no frame rate. Raises: InputError."""
    if not 0 < rate_hz <= 1000:
        raise InputError(
            expected="a frame rate above 0 and up to 1000 Hz", got=f"{rate_hz:g}", fix="pass for example --paced 30"
        )


def measure_paced(
    started: Sequence[Started],
    frames: BenchFrames,
    rate_hz: float,
    *,
    count: int,
    settle_ms: float,
    failures: Failures,
) -> tuple[PacedResult, ...]:
    """Each variant alone for `count` frames at a rate. Raises: InputError for a rate that is not above 0."""
    check_rate(rate_hz)
    results = []
    for each in failures.without(started):
        sleep(settle_ms / 1e3)
        try:
            results.append(_run(each, frames, rate_hz, count))
        except Exception as error:  # Engines' own errors share no narrower base class.
            failures.add(each.name, error)
    return tuple(results)


def _run(started: Started, frames: BenchFrames, rate_hz: float, count: int) -> PacedResult:
    period_s = 1 / rate_hz
    first_due = perf_counter() + period_s
    ran: list[tuple[float, float, float]] = []
    for index in range(-_LEAD_IN_FRAMES, count):
        # From the clock's start, not from the frame before: lateness must not move the moments that follow.
        due = first_due + (index + _LEAD_IN_FRAMES) * period_s
        wait_s = due - perf_counter()
        if wait_s > 0:
            sleep(wait_s)
        begin = perf_counter()
        # The first counted frame runs however late it is, so that there is always a figure.
        if begin >= due + period_s and index != 0:
            continue
        started.reconstructor(frames[index % len(frames)])
        if index >= 0:
            ran.append((due, begin, perf_counter()))
    late = sum(end > due + period_s for due, _, end in ran)
    dropped = count - len(ran)
    return PacedResult(
        variant=started.name,
        rate_hz=rate_hz,
        frames=count,
        missed=late + dropped,
        dropped=dropped,
        start_jitter=latency_stats([(begin - due) * 1e3 for due, begin, _ in ran]),
        latency=latency_stats([(end - begin) * 1e3 for _, begin, end in ran]),
        response=latency_stats([(end - due) * 1e3 for due, _, end in ran]),
    )
