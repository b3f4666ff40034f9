"""How a folder that edge-nt writes results into is known: what was drawn there, or below it, is no frame."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from edge_nt.errors import InputError

# Its lines; and the lock of a service, which stands there also while the lines are renamed.
OUTPUT_MARK, LOCK_MARK = "results.jsonl", "writer.lock"
# The lines of decoded latents.
DECODED_MARK = "frames.jsonl"
_MARKS = (OUTPUT_MARK, LOCK_MARK, DECODED_MARK)
# What a service leaves beside its lines, where those were moved away.
DONE_MARK, DRIFT_MARK = "done.npz", "drift.json"
# A disk that was just formatted has it.
_LOST_AND_FOUND = "lost+found"


def holds_results(file_names: Collection[str]) -> bool:
    """Whether a folder of these files is one."""
    return any(mark in file_names for mark in _MARKS)


def is_output(folder: Path) -> bool:
    """Whether `folder` is one."""
    return any((folder / mark).exists() for mark in _MARKS)


def refuse_foreign(out: Path, source: Path | None) -> None:
    """Refuse a folder to append results to that holds somebody's files, and no result log or lock of a service.

    Hidden names are nobody's, and the folder of the `source`, where it has one, may lie in it. Raises: InputError.
    """
    try:
        names = {entry.name for entry in out.iterdir()}
    except OSError:
        return  # Not there, or not to be read: who writes there says so.
    if not names.isdisjoint({OUTPUT_MARK, LOCK_MARK, DONE_MARK, DRIFT_MARK}):
        return
    others = [name for name in names - {_LOST_AND_FOUND} if name[0] != "." and not _holds(out / name, source)]
    if others:
        # Without their names, which may be patients'.
        raise InputError(
            expected="a new or empty folder, or one with earlier results, as --out",
            got=f"{out} with {len(others)} files or folders in it and no {OUTPUT_MARK}",
            fix="name another folder, such as a new one below it",
        )


def _holds(folder: Path, place: Path | None) -> bool:
    if place is None:
        return False
    there = Path(os.path.realpath(place))
    return Path(os.path.realpath(folder)) in (there, *there.parents) and folder.is_dir()
