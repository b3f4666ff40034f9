"""What one examination looks at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Scope:
    """The bundle (None for the machine alone), the folder that results go to, and the port of `edge-nt serve`.

    `open_cameras` also opens every camera, which wakes it up. `root` is where /sys, /proc, /etc, /var and /dev are.
    """

    bundle: Path | None = None
    results: Path = Path()
    port: int | None = None
    open_cameras: bool = False
    root: Path = Path("/")
