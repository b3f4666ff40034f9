"""One process at a time on an arm."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from edge_nt.process_lock import process_lock


def arm_lock(run: Path) -> AbstractContextManager[bool]:
    """Whether this process has the arm of the run folder `run` to itself, for as long as the block lasts."""
    return process_lock(run.parent / f"{run.name}.lock")
