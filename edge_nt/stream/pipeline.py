"""Items through workers that run at the same time: results in the order of the items, a bounded number in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Condition, Lock, Thread
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Pipeline(Generic[Item, Outcome]):
    """Gives the outcome of every item in the order of the items, while one thread a worker computes the next ones.

    Enter it, then iterate over it in one thread. `items` is asked for more only while fewer than `in_flight` of them
    are taken and not yet done with: an outcome counts until the next one is asked for, so that nothing piles up in
    front of a slow consumer. With one worker and one in flight, each item is finished before the next one is read.

    An exception of a worker or of `items` ends the iteration and is raised there, once; workers return what concerns
    one item only. Leaving the block, by whatever way, takes no more items and waits for the ones being computed, unless
    `abandon` was called.
    """

    def __init__(self, workers: Sequence[Callable[[Item], Outcome]], items: Iterable[Item], in_flight: int) -> None:
        if not workers or in_flight < 1:
            raise ValueError(f"{len(workers)} workers and {in_flight} items in flight: at least one of each is needed")
        self._items = iter(items)
        self._in_flight = in_flight
        self._threads = [Thread(target=self._work, args=(worker,), daemon=True) for worker in workers]
        self._taking = Lock()
        # Guards what follows, and tells every waiting thread of a change.
        self._changed = Condition()
        self._taken = 0
        self._done_with = 0
        self._outcomes: dict[int, Outcome] = {}
        self._ended = False
        self._abandoned = False
        self._at_work = 0
        self._failure: BaseException | None = None

    def __enter__(self) -> Pipeline[Item, Outcome]:
        self._at_work = len(self._threads)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        with self._changed:
            self._changed.wait_for(lambda: self._abandoned or self._at_work == 0)
            if self._abandoned:
                return
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[Outcome]:
        while (number := self._next_number()) is not None:
            yield self._outcomes.pop(number)
            with self._changed:
                self._done_with += 1
                self._changed.notify_all()

    def abandon(self) -> None:
        """Take nothing more and wait for no worker: the iteration gives what is ready, in order, and ends.

        From another thread, when time is up. A worker that does not come back leaves its item without an outcome.
        """
        with self._changed:
            self._ended = self._abandoned = True
            self._changed.notify_all()

    def _next_number(self) -> int | None:
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._failure is not None
                    or self._abandoned
                    or self._done_with in self._outcomes
                    or (self._ended and self._done_with == self._taken)
                )
            )
            if self._failure is not None:
                raise self._failure
            if self._done_with in self._outcomes:
                return self._done_with
            # Only after `abandon`: the ones behind an item that does not come back.
            return min(self._outcomes, default=None)

    def _work(self, worker: Callable[[Item], Outcome]) -> None:
        try:
            while self._step(worker):
                pass
        except BaseException as failure:
            self._end(failure)
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def _step(self, worker: Callable[[Item], Outcome]) -> bool:
        # A function of its own, so that a worker that waits holds on to no item and no outcome.
        with self._taking:
            number = self._reserve()
            if number is None:
                return False
            try:
                item = next(self._items)
            except StopIteration:
                self._give_back()
                return False
        outcome = worker(item)
        with self._changed:
            self._outcomes[number] = outcome
            self._changed.notify_all()
        return True

    def _reserve(self) -> int | None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._taken - self._done_with < self._in_flight)
            if self._ended:
                return None
            self._taken += 1
            return self._taken - 1

    def _give_back(self) -> None:
        with self._changed:
            self._taken -= 1
            self._ended = True
            self._changed.notify_all()

    def _end(self, failure: BaseException | None = None) -> None:
        with self._changed:
            self._ended = True
            self._failure = self._failure or failure
            self._changed.notify_all()
