"""One process at a time on an arm: a lock that the operating system gives back when its holder dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def arm_lock(run: Path) -> Iterator[bool]:
    """Whether this process has the arm of the run folder `run` to itself, for as long as the block lasts."""
    run.parent.mkdir(parents=True, exist_ok=True)
    with (run.parent / f"{run.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
