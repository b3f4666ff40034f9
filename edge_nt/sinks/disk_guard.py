"""Room that pictures and videos leave on the disk, so that lines can still be written when nobody looks for weeks."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from time import monotonic

# About 200,000 lines: two hours at 30 frames a second, months of a watched folder.
KEPT_FREE_BYTES = 256 << 20
_LOOK_EVERY_S = 1.0


class DiskGuard:
    """Refuses while less than `kept_free_bytes` are free on the disk of `folder`, KEPT_FREE_BYTES where none are given.

    It looks once a second at most. What is refused is an error of writing like any other: a service counts and says
    it, and the frame's line names the sink under ``not_written``. Once there is room again, writing goes on.
    """

    def __init__(self, folder: Path, kept_free_bytes: int | None = None) -> None:
        self._folder = folder
        self._kept_free_bytes = KEPT_FREE_BYTES if kept_free_bytes is None else kept_free_bytes
        self._looked_s = float("-inf")
        self._free_bytes = 0

    def require_room(self) -> None:
        """Raises: OSError (no space left on device) while there is none."""
        if monotonic() - self._looked_s >= _LOOK_EVERY_S:
            self._free_bytes = shutil.disk_usage(self._folder).free
            self._looked_s = monotonic()
        if self._free_bytes < self._kept_free_bytes:
            kept = f"{self._free_bytes >> 20} MiB are free, {self._kept_free_bytes >> 20} are kept for results"
            raise OSError(errno.ENOSPC, f"no room for more than lines: {kept}", str(self._folder))
