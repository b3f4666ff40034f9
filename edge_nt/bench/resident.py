"""Whether a process grows: its resident memory, sampled while it works, and the slope of that with its uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from edge_nt.sensors.memory import resident_mb
from edge_nt.sensors.not_measured import NotMeasured

# Neighbouring samples hold almost the same memory. Medians of this many equal blocks are nearer to independent, which
# the interval takes them for.
BLOCKS = 20
# Two-sided 95 % of the normal distribution.
_Z_95 = 1.959964
# Written into /proc/self/clear_refs it brings VmHWM down to what is resident now (proc(5), since Linux 4.0).
_RESET_PEAK = "5"


@dataclass(frozen=True)
class ResidentTrend:
    """How resident memory moved after `warmup_s`, from the medians of `blocks` equal blocks, in MB of 1e6 bytes.

    `slope_mb_per_h` is the median of the slopes between all pairs of blocks (Theil 1950, Sen 1968), with Sen's 95 %
    interval, so that a single step or outlier does not make it. `first_mb` and `last_mb` are the outer blocks.
    """

    slope_mb_per_h: float
    low_mb_per_h: float
    high_mb_per_h: float
    first_mb: float
    last_mb: float
    warmup_s: float
    blocks: int


@dataclass(frozen=True)
class Samples:
    """Moments since the first sample in seconds, and MB resident then."""

    at_s: NDArray[np.float64]
    mb: NDArray[np.float64]


class ResidentSampler:
    """Samples this process in a thread of its own, every `every_s`, while it is entered.

    All memory for `most` samples is touched before the first one, so that the samples do not see themselves.
    """

    def __init__(self, most: int, every_s: float = 1.0, read_mb: Callable[[], float | NotMeasured] = resident_mb):
        self._every_s = every_s
        self._read_mb = read_mb
        self._values = np.full((2, most), np.nan)
        self._count = 0
        self._left = Event()
        self._thread = Thread(target=self._sample, name="resident memory", daemon=True)

    def __enter__(self) -> ResidentSampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()

    def samples(self) -> Samples:
        """What was sampled so far; nothing where the system does not tell."""
        at_s, mb = self._values[:, : self._count]
        return Samples(at_s, mb)

    def _sample(self) -> None:
        start_s = perf_counter()
        for index in range(self._values.shape[1]):
            value = self._read_mb()
            if isinstance(value, NotMeasured):
                return
            self._values[:, index] = perf_counter() - start_s, value
            self._count = index + 1
            if self._left.wait(max(start_s + (index + 1) * self._every_s - perf_counter(), 0.0)):
                return


def warmup_s(seconds: float) -> float:
    """What is left out at the start: arenas and caches fill within the first frames. A tenth, at least 10 s."""
    return min(max(seconds / 10, 10.0), seconds / 2)


def resident_trend(samples: Samples, warm_s: float) -> ResidentTrend | NotMeasured:
    """The slope of the samples after `warm_s`, or why there is none."""
    kept = samples.at_s >= warm_s
    at_s, mb = samples.at_s[kept], samples.mb[kept]
    if len(mb) < BLOCKS:
        return NotMeasured(f"{len(mb)} samples of resident memory after {warm_s:g} s, of {BLOCKS} at least")
    at_h = np.array([np.mean(block) for block in np.array_split(at_s, BLOCKS)]) / 3600
    block_mb = np.array([np.median(block) for block in np.array_split(mb, BLOCKS)])
    slope, low, high = theil_sen(at_h, block_mb)
    return ResidentTrend(slope, low, high, float(block_mb[0]), float(block_mb[-1]), warm_s, BLOCKS)


def theil_sen(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """The median slope between all pairs of points of different `x`, and the ends of its 95 % interval (Sen 1968).

    The interval is the normal approximation of Kendall's statistic, without ties.
    """
    slopes = np.sort([(y[j] - y[i]) / (x[j] - x[i]) for i, j in combinations(range(len(x)), 2)])
    n = len(x)
    half = _Z_95 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2
    low = max(round(len(slopes) / 2 - half) - 1, 0)
    high = min(round(len(slopes) / 2 + half), len(slopes) - 1)
    return float(np.median(slopes)), float(slopes[low]), float(slopes[high])


def reset_peak(proc: Path = Path("/proc/self")) -> bool:
    """Let the peak count from now on; False where the system does not allow it, so that it is since the start."""
    try:
        (proc / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return False
    return True
