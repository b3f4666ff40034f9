"""Memory and swap, of the machine and of this process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge_nt.sensors.node import read_text
from edge_nt.sensors.not_measured import NotMeasured

# Both files give kB of 1024 bytes; a figure here is in MB of 1e6 bytes, as in every report.
_MB = 1024 / 1e6


@dataclass(frozen=True)
class MemoryState:
    """MB of 1e6 bytes. `swap_on_disk_mb` is the part of the swap that is not compressed memory (zram).

    A Jetson's GPU takes its memory from the same one.
    """

    total_mb: float
    available_mb: float
    swap_mb: float
    swap_free_mb: float
    swap_on_disk_mb: float


def read_memory(root: Path = Path("/")) -> MemoryState | NotMeasured:
    """The machine's memory and swap, or why it is not known."""
    fields = _fields(root / "proc/meminfo")
    total, available = fields.get("MemTotal"), fields.get("MemAvailable")
    if not total or available is None:
        return NotMeasured("no MemTotal and MemAvailable in /proc/meminfo, which Linux has")
    swap, free = fields.get("SwapTotal", 0.0), fields.get("SwapFree", 0.0)
    return MemoryState(total, available, swap, free, _swap_on_disk_mb(root))


def resident_mb(root: Path = Path("/")) -> float | NotMeasured:
    """What this process holds in memory now."""
    return _own("VmRSS", root)


def peak_resident_mb(root: Path = Path("/")) -> float | NotMeasured:
    """The most that this process ever held in memory."""
    return _own("VmHWM", root)


def _own(field: str, root: Path) -> float | NotMeasured:
    value = _fields(root / "proc/self/status").get(field)
    return NotMeasured(f"no {field} in /proc/self/status, which Linux has") if value is None else value


def _fields(path: Path) -> dict[str, float]:
    lines = re.findall(r"^(\w+):\s+([0-9]{1,15}) kB$", read_text(path) or "", re.MULTILINE)
    return {name: int(value) * _MB for name, value in lines}


def _swap_on_disk_mb(root: Path) -> float:
    # Filename Type Size Used Priority, in kB: /dev/zram0 partition 635920 0 5
    rows = re.findall(r"^(/\S+)\s+\w+\s+([0-9]{1,15})\s", read_text(root / "proc/swaps") or "", re.MULTILINE)
    return sum((int(size) * _MB for name, size in rows if not name.startswith("/dev/zram")), 0.0)
