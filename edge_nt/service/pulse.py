"""Whether frames come through: what readiness and systemd's watchdog go by."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Pulse:
    """Remembers when a frame last came through. Any thread may ask.

    A live source is expected to give frames all the time; any other may have nothing to give for days. Since when
    frames are under way is known from who asks: the beat does, a few times a second. `reading_s` says for how long the
    source has been reading the frame of a file that it reads now.
    """

    def __init__(
        self,
        *,
        live: bool,
        stalled_after_s: float,
        clock: Callable[[], float] = time.monotonic,
        reading_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._live = live
        self._reading_s = reading_s
        self._stalled_after_s = stalled_after_s
        self._clock = clock
        self._lock = Lock()
        self._done_s: float | None = None
        self._moved_s: float | None = None
        self._rested_s = 0.0

    def start(self) -> None:
        """The stream runs from now on."""
        with self._lock:
            self._done_s = self._moved_s = self._rested_s = self._clock()

    def frame(self, *, done: bool) -> None:
        """A frame came through: done, or failed."""
        with self._lock:
            self._moved_s = self._clock()
            if done:
                self._done_s = self._moved_s

    def stalled(self, under_way: int) -> str | None:
        """Why no frames come, in words; None while they do, or while there are none to come."""
        with self._lock:
            if self._done_s is None or self._moved_s is None:
                return None
            now_s = self._clock()
            since_done_s, since_moved_s = now_s - self._done_s, now_s - self._moved_s
            waiting_s = self._waiting_s(under_way, now_s, self._moved_s)
        if self._live and since_done_s > self._stalled_after_s:
            failing = since_moved_s <= self._stalled_after_s
            return f"no frame for {since_done_s:.0f} s" + (": all of them fail" if failing else "")
        if waiting_s > self._stalled_after_s:
            return f"{under_way} frames under way for {waiting_s:.0f} s"
        reading_s = self._reading_s()
        return f"a file being read for {reading_s:.0f} s" if reading_s > self._stalled_after_s else None

    def stuck(self, under_way: int, longer_than_s: float) -> bool:
        """Whether frames were taken and not one came through for so long, or one frame has been read for so long; an
        idle or broken source is not that.
        """
        with self._lock:
            waiting_s = 0.0 if self._moved_s is None else self._waiting_s(under_way, self._clock(), self._moved_s)
        return max(waiting_s, self._reading_s()) > longer_than_s

    def _waiting_s(self, under_way: int, now_s: float, moved_s: float) -> float:
        # The first file after hours of quiet has not been under way for hours.
        if not under_way:
            self._rested_s = now_s
        return now_s - max(moved_s, self._rested_s)
