"""Frames of a live source: what cannot be taken in time is dropped, the oldest first, and counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Condition, Thread
from types import TracebackType

from edge_nt.sources.source import Offer, Source


class NewestOffers:
    """Iterates over the offers of a live source, in order, from a thread that takes them as they come.

    At most `waiting` offers wait; one more drops the oldest of them. After the end, `offered` equals `taken` plus
    `dropped`: whoever stops taking lets the rest count as dropped. Entering starts the source, leaving stops it.
    """

    def __init__(self, source: Source, waiting: int = 1) -> None:
        if waiting < 1:
            raise ValueError(f"{waiting} waiting offers: at least 1 is needed")
        self._source = source
        self._offers: deque[Offer] = deque()
        self._waiting = waiting
        self._changed = Condition()
        self._ended = False
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._take_all, name=f"source {source.name}", daemon=True)
        self.offered = 0
        self.taken = 0
        self.dropped = 0

    def __enter__(self) -> NewestOffers:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.stop()
        self._thread.join()
        with self._changed:
            self.dropped += len(self._offers)
            self._offers.clear()

    def __iter__(self) -> Iterator[Offer]:
        while (offer := self._next()) is not None:
            yield offer

    def _next(self) -> Offer | None:
        with self._changed:
            self._changed.wait_for(lambda: self._offers or self._ended)
            if self._offers:
                self.taken += 1
                return self._offers.popleft()
            if self._failure is not None:
                raise self._failure
            return None

    def _take_all(self) -> None:
        try:
            for offer in self._source.offers():
                self._put(offer)
        except BaseException as failure:
            self._failure = failure
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, offer: Offer) -> None:
        with self._changed:
            self.offered += 1
            if len(self._offers) == self._waiting:
                self._offers.popleft()
                self.dropped += 1
            self._offers.append(offer)
            self._changed.notify_all()
