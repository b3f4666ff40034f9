"""The disk that a folder lies on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge_nt.sensors.not_measured import NotMeasured


@dataclass(frozen=True)
class DiskState:
    """MB of 1e6 bytes that a user may still write; `files_free_share` is None where files are not counted (btrfs)."""

    total_mb: float
    free_mb: float
    files_free_share: float | None
    read_only: bool


def read_disk(folder: Path) -> DiskState | NotMeasured:
    """The disk of a folder, or of the nearest one above that exists; or why it is not known."""
    try:
        there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
        found = os.statvfs(there)
    except (OSError, ValueError, AttributeError, StopIteration) as error:
        return NotMeasured(f"the disk does not answer: {error}")
    files = found.f_favail / found.f_files if found.f_files else None
    scale = found.f_frsize / 1e6
    return DiskState(found.f_blocks * scale, found.f_bavail * scale, files, bool(found.f_flag & os.ST_RDONLY))
