"""Intel's and AMD's energy counters, as the kernel's powercap class gives them."""

from __future__ import annotations

from pathlib import Path

from edge_nt.sensors.node import entries, read_text, read_whole

_MICRO = 1e6


class RaplDomain:
    """One processor package's counter in microjoules, which runs over at its range. Raises: OSError, ValueError."""

    def __init__(self, folder: Path) -> None:
        self._counter = folder / "energy_uj"
        self._range_uj = _number(folder / "max_energy_range_uj")
        self._last_uj = _number(self._counter)

    def advance_j(self) -> float:
        """Joules since the last call; a counter that ran over once in between is set right."""
        now_uj = _number(self._counter)
        used_uj = now_uj - self._last_uj
        self._last_uj = now_uj
        return (used_uj if used_uj >= 0 else used_uj + self._range_uj) / _MICRO


def rapl_packages(root: Path) -> tuple[Path, ...]:
    """The counters of whole processor packages, memory and other domains left out."""
    domains = entries(root / "sys/class/powercap", "intel-rapl:*")
    return tuple(domain for domain in domains if (read_text(domain / "name") or "").startswith("package-"))


def _number(path: Path) -> int:
    value = read_whole(path)
    if value is None:
        # Since a hardware leak of 2020 most kernels let root alone read these.
        raise OSError(f"{path.name} of {path.parent.name} is no number that this user may read")
    return value
