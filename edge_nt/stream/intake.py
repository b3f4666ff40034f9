"""What a source offers, taken in a thread of its own: the newest frames of a live one, every frame of any other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Condition, Thread
from time import monotonic
from types import TracebackType

from edge_nt.sources.source import Offer, Source

# What sources promise is half a second; a little more before one counts as stuck.
_SOURCE_STOP_S = 0.6


@dataclass(frozen=True)
class IntakeCounts:
    """What became of a source's offers at one moment: `offered` is `taken` + `dropped` + `waiting`."""

    offered: int
    taken: int
    dropped: int
    waiting: int


class Intake:
    """Iterates over the offers of a source, in order, while a thread of its own waits for the next ones.

    At most `waiting` offers wait. Of a live source one more drops the oldest of them; any other source is kept waiting
    until there is room. Entering starts the source, leaving stops it. Nothing here is called from a signal handler.

    Once `stop` was called, the iteration ends: for a live source at once, what still waits being dropped; for any other
    after what it has already offered. An error of the source ends the iteration and is kept in `failure`, so that
    frames on their way are not lost with it. A source that does not come back is left alone by `give_up`.
    """

    def __init__(self, source: Source, waiting: int) -> None:
        if waiting < 1:
            raise ValueError(f"{waiting} waiting offers: at least 1 is needed")
        self._source = source
        self._room = waiting
        self._thread = Thread(target=self._take_all, name=f"source {source.name}", daemon=True)
        # Guards what follows, and tells every waiting thread of a change.
        self._changed = Condition()
        self._offers: deque[Offer] = deque()
        self._stopping = False
        self._stop_by_s = 0.0
        self._ended = False
        self._offered = self._taken = self._dropped = 0
        self.failure: BaseException | None = None

    def __enter__(self) -> Intake:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join(timeout=max(self._stop_by_s - monotonic(), 0.0))
        self.give_up()

    def __iter__(self) -> Iterator[Offer]:
        while (offer := self._next()) is not None:
            yield offer

    @property
    def stuck(self) -> bool:
        """Whether the source's thread is still inside it."""
        return self._thread.is_alive()

    def counts(self) -> IntakeCounts:
        """What became of the offers so far, all at one moment."""
        with self._changed:
            return IntakeCounts(self._offered, self._taken, self._dropped, len(self._offers))

    def stop(self) -> None:
        """Tell the source to end, and end the iteration as the class says; any number of times."""
        with self._changed:
            if not self._stopping:
                self._stop_by_s = monotonic() + _SOURCE_STOP_S
            self._stopping = True
            if self._source.live:
                self._drop_waiting()
            self._changed.notify_all()
        self._source.stop()

    def give_up(self) -> None:
        """End the iteration whatever the source does; what it offers from now on is not heard."""
        with self._changed:
            self._drop_waiting()
            self._ended = True
            self._changed.notify_all()

    def _next(self) -> Offer | None:
        with self._changed:
            self._changed.wait_for(lambda: self._offers or self._ended or (self._stopping and self._source.live))
            if not self._offers:
                return None
            self._taken += 1
            self._changed.notify_all()
            return self._offers.popleft()

    def _take_all(self) -> None:
        try:
            for offer in self._source.offers():
                if not self._put(offer):
                    break
        except BaseException as failure:  # Raised where the frames are used, by whoever owns that thread.
            self.failure = failure
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, offer: Offer) -> bool:
        with self._changed:
            if not self._source.live:
                self._changed.wait_for(lambda: len(self._offers) < self._room or self._stopping or self._ended)
            if self._ended:
                return False
            self._offered += 1
            self._offers.append(offer)
            if self._source.live:
                self._drop_oldest(len(self._offers) if self._stopping else len(self._offers) - self._room)
            self._changed.notify_all()
            return True

    def _drop_waiting(self) -> None:
        self._drop_oldest(len(self._offers))

    def _drop_oldest(self, count: int) -> None:
        for _ in range(count):
            self._offers.popleft()
            self._dropped += 1
