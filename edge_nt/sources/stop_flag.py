"""A wish to stop that a signal handler may express at any moment."""

from __future__ import annotations

from time import monotonic, sleep

_LOOK_EVERY_S = 0.05


class StopFlag:
    """Set once, by any thread or by a signal handler.

    Not threading.Event: its lock may be held by the very thread that the handler interrupts, which would wait forever.
    """

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        """Whether somebody wants the stop."""
        return self._set

    def set(self) -> None:
        """Want the stop."""
        self._set = True

    def wait(self, seconds: float) -> bool:
        """Sleep for so long, or until at most 50 ms after the flag is set, and return whether it is."""
        until_s = monotonic() + seconds
        while not self._set and (left_s := until_s - monotonic()) > 0:
            sleep(min(left_s, _LOOK_EVERY_S))
        return self._set
