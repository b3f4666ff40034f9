"""How a folder that edge-nt writes results into is known: what was drawn there, or below it, is no frame."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

# Its lines; and the lock of a service, which stands there also while the lines are renamed.
OUTPUT_MARK, LOCK_MARK = "results.jsonl", "writer.lock"
# The lines of decoded latents.
DECODED_MARK = "frames.jsonl"
_MARKS = (OUTPUT_MARK, LOCK_MARK, DECODED_MARK)


def holds_results(file_names: Collection[str]) -> bool:
    """Whether a folder of these files is one."""
    return any(mark in file_names for mark in _MARKS)


def is_output(folder: Path) -> bool:
    """Whether `folder` is one."""
    return any((folder / mark).exists() for mark in _MARKS)
