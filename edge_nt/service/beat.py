"""What a running service says of itself from time to time, to systemd and to its log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge_nt.service.pulse import Pulse
from edge_nt.service.sd_notify import Notifier
from edge_nt.stream.live_run import StreamCounts

_log = logging.getLogger(__name__)
_TELL_S = 1.0
_SAY_DROPS_S = 60.0
# Of the manager's patience: frames under way for longer than this share are taken for stuck.
_STUCK_SHARE = 0.5


class Beat:
    """Called a few times a second by the thread that waits for the stream."""

    def __init__(
        self,
        notifier: Notifier,
        pulse: Pulse,
        counts: Callable[[], StreamCounts],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notifier = notifier
        self._pulse = pulse
        self._counts = counts
        self._clock = clock
        self._told_s = -_TELL_S
        self._said_drops_s = clock()
        self._dropped = 0
        self._stalled = False
        self._stopping = False

    def __call__(self, *, stopping: bool) -> None:
        """Tell what there is to tell now."""
        counts = self._counts()
        if stopping and not self._stopping:
            self._stopping = True
            self._notifier.stopping()
            _log.info("stopping")
        stalled = None if stopping else self._pulse.stalled(counts.under_way)
        self._say_stalls(stalled)
        self._say_drops(counts.dropped)
        if self._clock() - self._told_s >= _TELL_S:
            self._told_s = self._clock()
            self._tell(counts, stalled)

    def _tell(self, counts: StreamCounts, stalled: str | None) -> None:
        said = f"{counts.done} frames, {counts.dropped} dropped, {counts.failed} failed"
        self._notifier.status(said if stalled is None else f"{said}; {stalled}")
        patience_s = self._notifier.watchdog_s
        # An idle or lost source is no reason to be killed; frames that never come back are.
        if patience_s is not None and not self._pulse.stuck(counts.under_way, patience_s * _STUCK_SHARE):
            self._notifier.alive()

    def _say_stalls(self, stalled: str | None) -> None:
        if stalled is not None and not self._stalled:
            _log.warning("not ready: %s", stalled)
        if stalled is None and self._stalled and not self._stopping:
            _log.info("ready: frames come again")
        self._stalled = stalled is not None

    def _say_drops(self, dropped: int) -> None:
        if dropped > self._dropped and self._clock() - self._said_drops_s >= _SAY_DROPS_S:
            _log.warning("%d frames dropped for newer ones in the last minute", dropped - self._dropped)
            self._dropped, self._said_drops_s = dropped, self._clock()
