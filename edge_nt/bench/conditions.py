"""Under what conditions figures were taken, and whether other programs were in the way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, perf_counter_ns

from edge_nt.bench.device_conditions import DeviceConditions
from edge_nt.bench.latency_stats import LatencyStats

# A share of the usable cores. Above it, other programs were not just the machine's own housekeeping.
_BUSY_SHARE = 0.05
# SHA-256 of this much memory: always the same work on one core, whatever engines are installed. It fits in a cache.
_CONTROL = bytes(1 << 20)


@dataclass(frozen=True)
class Conditions:
    """What was run and how busy the machine was.

    `others_cores` is how many cores, on average, programs other than this one kept busy during the measurement; None
    where the machine does not tell. `control` is a fixed piece of work, timed once a round: when it moves between two
    reports, the machine did. `warnings` says in words what makes the figures doubtful. `device` is None in reports from
    before it was recorded.
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
    device: DeviceConditions | None = None


@dataclass(frozen=True)
class Mark:
    """A moment: the clock, the core-seconds the machine and this process have used so far, and the load average."""

    clock_s: float
    machine_s: float | None
    process_s: float
    load_1_min: float | None


def mark(proc: Path = Path("/proc")) -> Mark:
    """This moment, with core-seconds where Linux tells them."""
    times = os.times()
    process_s = times.user + times.system + times.children_user + times.children_system
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return Mark(perf_counter(), _machine_s(proc), process_s, load)


def others_cores(start: Mark, end: Mark) -> float | None:
    """How many cores other programs kept busy between two moments, on average; None when the machine does not tell."""
    elapsed_s = end.clock_s - start.clock_s
    if start.machine_s is None or end.machine_s is None or elapsed_s <= 0:
        return None
    used_s = (end.machine_s - start.machine_s) - (end.process_s - start.process_s)
    # Both clocks tick in hundredths, so a quiet machine may come out a hair below nothing.
    return round(max(used_s / elapsed_s, 0.0), 3)


def busy_warnings(start: Mark, end: Mark, usable_cores: int) -> tuple[str, ...]:
    """What to say when other programs used the machine meanwhile; empty when they did not."""
    others = others_cores(start, end)
    if others is None:
        if start.load_1_min is not None and start.load_1_min > usable_cores / 2:
            return (f"the machine was busy at the start (load {start.load_1_min} on {usable_cores} cores)",)
        return ()
    if others <= _BUSY_SHARE * usable_cores:
        return ()
    return (f"other programs kept {others:.2f} of {usable_cores} cores busy: times are too long, tails most of all",)


def control_ns() -> int:
    """How long the fixed work takes now, in nanoseconds."""
    start = perf_counter_ns()
    hashlib.sha256(_CONTROL).digest()
    return perf_counter_ns() - start


def joined(values_ns: Sequence[int]) -> str:
    """Whole nanoseconds as one compact line."""
    return " ".join(map(str, values_ns))


def _machine_s(proc: Path) -> float | None:
    try:
        words = (proc / "stat").read_text(encoding="ascii").split("\n", 1)[0].split()
        ticks = [int(word) for word in words[1:9]]
    except (OSError, ValueError):
        return None
    if len(ticks) < 8 or words[0] != "cpu":
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal: the fourth and fifth are cores that waited.
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
