"""A file that ends the process whenever it is worked on, by a crash or a hang, must not do so for ever.

What is under way is written down before it begins (under_way.py), so the next process knows what the last one died of:
any of a few frames. Each of these suspects is then worked on while nothing else is. The innocent come back, and are
suspects no more; the guilty one ends the process again, and is alone to be counted. At the third time it is given up:
its frame fails like one that cannot be decoded, and so does what follows it in its file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition
from time import monotonic
from types import TracebackType

from edge_nt.errors import InputError
from edge_nt.sources.file_ledger import file_digest
from edge_nt.sources.source import FilePlace
from edge_nt.stream.suspects import read_suspects, write_suspects
from edge_nt.stream.under_way import Stage, UnderWay, Work

_log = logging.getLogger(__name__)
UNDER_WAY_NAME, SUSPECTS_NAME = "under-way.bin", "suspects.json"
# Once is anybody's bad luck, such as a power cut; twice, alone, could be that of a machine with little memory.
MOST_DEATHS = 3


class FileGuard:
    """Enter `opening` around reading a frame from its file, `computing` around what a job does with it.

    At most one thread reads, and `jobs` compute. Kept in `folder` across restarts: the slots in ``under-way.bin`` and
    the counts in ``suspects.json``, which know files by digests and so name no patient. Work that never comes back
    counts at the next start like that of a process which died. Raises, when it is entered: InputError for a folder in
    which the slots cannot be kept. Files have their names in the log and in errors only where they are `named`.
    """

    def __init__(self, folder: Path, jobs: int, *, named: bool = True) -> None:
        self._folder = folder
        self._slots = jobs + 1
        self._named = named
        self._deaths: dict[Work, int] = {}
        # The first frame that was given up, of each file of which one was.
        self._given_up: dict[bytes, int] = {}
        # Guards what follows and the slots, and tells every waiting thread of a change.
        self._changed = Condition()
        self._working = self._suspects_waiting = 0
        self._alone = self._left = False
        self._reading_since_s: float | None = None

    def __enter__(self) -> FileGuard:
        path = self._folder / UNDER_WAY_NAME
        self._deaths = read_suspects(self._folder / SUSPECTS_NAME)
        try:
            # They are empty from here on: a kill before the counts are kept forgets a death, and never invents one.
            self._under_way = UnderWay(path, self._slots)
        except OSError as error:
            raise InputError(
                expected="an output folder in which the frames under way can be kept",
                got=str(error),
                fix=f"remove {path}, or choose another folder",
            ) from error
        for work in self._under_way.left_behind:
            # Put last, as the newest.
            self._deaths[work] = self._deaths.pop(work, 0) + 1
        for work, deaths in self._deaths.items():
            if deaths >= MOST_DEATHS:
                self._given_up[work.file] = min(work.frame, self._given_up.get(work.file, work.frame))
        if self._under_way.left_behind:
            self._keep()
            words = "frames under way when the last process ended: %d; each is worked on alone"
            _log.warning(words, len(self._under_way.left_behind))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._left = True
            self._under_way.close()

    @contextmanager
    def opening(self, place: FilePlace) -> Iterator[None]:
        """While the frame at `place` is read from its file, which opens it. Raises: InputError when it is given up."""
        with self._work(place, "opening"):
            self._reading_since_s = monotonic()
            try:
                yield
            finally:
                self._reading_since_s = None

    @contextmanager
    def computing(self, place: FilePlace) -> Iterator[None]:
        """While a job decodes and reconstructs the frame at `place`. Raises: InputError when it is given up."""
        with self._work(place, "computing"):
            yield

    def reading_s(self) -> float:
        """For how long the frame that is being read now has been; 0 while none is. From any thread."""
        since_s = self._reading_since_s
        return 0.0 if since_s is None else monotonic() - since_s

    @contextmanager
    def _work(self, place: FilePlace, stage: Stage) -> Iterator[None]:
        work = Work(file_digest(place), place.frame, stage)
        if place.frame >= self._given_up.get(work.file, place.frame + 1):
            raise self._refusal(place, self._given_up[work.file])
        slot = self._begin(work, place)
        try:
            yield
        finally:
            self._end(work, slot)

    def _begin(self, work: Work, place: FilePlace) -> int:
        with self._changed:
            suspect = work in self._deaths
            # Others wait for a suspect that waits, or it might never be alone.
            self._suspects_waiting += suspect
            self._changed.wait_for(
                lambda: not self._alone and not (self._working if suspect else self._suspects_waiting)
            )
            self._suspects_waiting -= suspect
            self._alone = suspect
            self._working += 1
            if suspect:
                words = "%s is worked on alone; times that the process ended while it was under way: %d"
                _log.warning(words, self._name(place, work.frame), self._deaths[work])
            return self._under_way.begin(work)

    def _end(self, work: Work, slot: int) -> None:
        with self._changed:
            self._under_way.end(slot)
            self._working -= 1
            self._alone = False
            # The folder may be another process's once it was left.
            if not self._left and self._deaths.pop(work, None) is not None:
                self._keep()
            self._changed.notify_all()

    def _keep(self) -> None:
        write_suspects(self._folder / SUSPECTS_NAME, self._deaths)

    def _refusal(self, place: FilePlace, frame: int) -> InputError:
        return InputError(
            expected="a file that can be worked on",
            got=f"{self._name(place, frame)}, at which the process ended {MOST_DEATHS} times",
            fix="take the file away and report it; written anew, or touched, it is tried again",
        )

    def _name(self, place: FilePlace, frame: int) -> str:
        # Its name may be a patient's. The place comes from below where names are taken off.
        name = str(place.path) if self._named and place.named else "the file"
        return f"{name}#{frame + 1}" if frame or place.frames != 1 else name
