"""Peak memory of one bundle on one backend, each in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryResult:
    """Peaks of resident memory (VmHWM) in MB of 1e6 bytes, or why there are none.

    `imports_mb`: Python, numpy, OpenCV and edge_nt before the load; `loaded_mb`: after the load, the backend's own
    library included; `frames_mb`: after `frames` frames.
    """

    variant: str
    frames: int
    imports_mb: float | None
    loaded_mb: float | None
    frames_mb: float | None
    not_measured: str | None
