"""What every source gives: frames still to be decoded, each with where and when it was taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Protocol

from edge_nt.imaging.frame import Frame


@dataclass(frozen=True)
class FilePlace:
    """Which frame of which file: a file of the same path with another size or time is another file.

    `frame` counts from 0; `frames` is how many the file holds, None where nobody knows before its end (video). `named`
    is whether output may say which file it is: not where its name may be a patient's.
    """

    path: Path
    size_bytes: int
    modified_ns: int
    frame: int = 0
    frames: int | None = 1
    named: bool = field(default=True, compare=False)


# Entered around work on a frame of a file that may end the process; raises EdgeNtError for one not to be worked on.
Guard = Callable[[FilePlace], AbstractContextManager[None]]


def unguarded(_: FilePlace) -> AbstractContextManager[None]:
    """The guard of those who do not mind the end of the process, such as a run, which has nothing to go on with."""
    return nullcontext()


@dataclass(frozen=True)
class Offer:
    """One frame that a source has for the pipeline.

    `source` names the source, `name` the frame as a person would recognise it (a path, ``cine.dcm#3`` for one of
    several). `taken_at_s` is the Unix time at which it was taken, of a file that at which it was written; `clock_s` is
    the moment of the offer on `time.perf_counter`, from which latencies are counted. `decode` gives the frame, with its
    spacing where the source states one, and may be called in any thread, once; it raises EdgeNtError for a frame that
    cannot be read, which then costs only itself. `place` is None for what is no file.
    """

    source: str
    name: str
    taken_at_s: float
    decode: Callable[[], Frame]
    place: FilePlace | None = None
    clock_s: float = field(default_factory=perf_counter)


class Source(Protocol):
    """Gives offers, in one thread, until it ends or is told to stop.

    A `live` source goes on whether or not anybody keeps up, so that frames may have to be dropped; any other waits.
    """

    @property
    def name(self) -> str:
        """What the frames say they come from, such as ``camera /dev/video0``: a word for its kind, then which one."""

    @property
    def live(self) -> bool:
        """Whether the world goes on while nobody takes a frame."""

    def offers(self) -> Iterator[Offer]:
        """Every frame as it comes; releases what it holds at its end. Raises: EdgeNtError when the source is lost."""

    def stop(self) -> None:
        """End `offers` within half a second; called from another thread or a signal handler, any number of times."""


def as_text(name: str) -> str:
    """A file name that is no text (Linux has such) with its bytes escaped; any other as it is."""
    return name.encode("utf-8", "backslashreplace").decode()
