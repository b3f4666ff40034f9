"""What the service remembers of its stream: the newest frame, the newest failure, and a trace of the last minute."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from threading import Lock
from time import perf_counter

import numpy as np

from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.sources.source import as_text

_KEPT_S = 60.0
# A minute at 120 frames a second. A point takes about 200 bytes.
_MOST_POINTS = 7200


@dataclass(frozen=True)
class NumberedFrame:
    """A frame that is written everywhere, with its number among those of this service, from 1."""

    number: int
    written_at_s: float
    latency_ms: float
    finished: FinishedFrame


@dataclass(frozen=True)
class TracePoint:
    """What is kept of a frame: its number, when it was written (Unix time), its score and latency, the OOD state."""

    number: int
    at_s: float
    score: float
    latency_ms: float
    state: str


@dataclass(frozen=True)
class Failure:
    """The newest frame that failed, why, and when (Unix time)."""

    name: str
    error: str
    at_s: float


@dataclass(frozen=True)
class LatencySummary:
    """From offer to written, over the last minute: how many frames, and the milliseconds of most of them."""

    frames: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Recent:
    """Written by the stream's one writing thread; read by any. Its size is bounded whatever the stream does."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._trace: deque[TracePoint] = deque(maxlen=_MOST_POINTS)
        self._newest: NumberedFrame | None = None
        self._failure: Failure | None = None
        self._count = 0

    def add(self, finished: FinishedFrame, state: str) -> NumberedFrame:
        """Remember a frame that has just been written everywhere, and the OOD state that it led to."""
        latency_ms = (perf_counter() - finished.offer.clock_s) * 1e3
        with self._lock:
            self._count += 1
            frame = NumberedFrame(self._count, time.time(), latency_ms, finished)
            self._newest = frame
            score = finished.result.ood_score
            self._trace.append(TracePoint(frame.number, frame.written_at_s, score, latency_ms, state))
            # The newest always stays, also where the clock jumps ahead.
            while self._trace[0].at_s < frame.written_at_s - _KEPT_S:
                self._trace.popleft()
        return frame

    def add_failure(self, failed: FailedFrame) -> None:
        """Remember a frame that failed."""
        with self._lock:
            self._failure = Failure(as_text(failed.offer.name), as_text(str(failed.error)), time.time())

    @property
    def newest(self) -> NumberedFrame | None:
        """The newest frame."""
        return self._newest

    @property
    def newest_state(self) -> str | None:
        """The OOD state of the newest frame."""
        return self._trace[-1].state if self._trace else None

    @property
    def failure(self) -> Failure | None:
        """The newest failure."""
        return self._failure

    def trace(self, after: int = 0) -> tuple[TracePoint, ...]:
        """The points of the frames after number `after`, oldest first, as far as they are kept."""
        with self._lock:
            newest_first = list(takewhile(lambda point: point.number > after, reversed(self._trace)))
        return tuple(reversed(newest_first))

    def latency(self) -> LatencySummary | None:
        """The latencies of the trace's last minute, until now; None without a frame in it."""
        since_s = time.time() - _KEPT_S
        with self._lock:
            latencies = [point.latency_ms for point in self._trace if point.at_s > since_s]
        if not latencies:
            return None
        p50, p95, p99 = (float(each) for each in np.percentile(latencies, (50, 95, 99)))
        return LatencySummary(len(latencies), p50, p95, p99, max(latencies))
