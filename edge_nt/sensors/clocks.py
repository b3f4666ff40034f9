"""How fast the processor, a Jetson's GPU and its memory run, and how fast they may."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge_nt.sensors.node import entries, read_text, read_whole
from edge_nt.sensors.not_measured import NotMeasured

_KHZ, _HZ = 1e-3, 1e-6
# 17000000.gpu on JetPack 6, 17000000.ga10b on 5; gpu-gpc-0 on a Thor.
_GPU = re.compile(r"gpu|ga10b|gv11b")
# Where no cap holds, nvpmodel leaves the largest number that fits.
_NO_CAP_HZ = 1 << 60
# The rate itself stands in debugfs, for root alone; the cap of the power mode anybody may read. JetPack 6, then 5.
_EMC_RATE = "sys/kernel/debug/bpmp/debug/clk/emc/rate"
_EMC_CAPS = ("sys/kernel/nvpmodel_clk_cap/emc", "sys/kernel/nvpmodel_emc_cap/emc_iso_cap")


@dataclass(frozen=True)
class Clock:
    """One clock in MHz: now, the range allowed now, and what the hardware can; None for what the machine hides.

    A power mode lowers `most_mhz` below `hardware_mhz`; jetson_clocks makes `least_mhz` equal to `most_mhz`.
    """

    name: str
    now_mhz: float | None
    least_mhz: float | None
    most_mhz: float | None
    hardware_mhz: float | None
    governor: str | None

    @property
    def pinned(self) -> bool:
        """Whether it can only run at one speed, as after jetson_clocks."""
        return self.most_mhz is not None and self.least_mhz == self.most_mhz


def read_clocks(root: Path = Path("/")) -> tuple[Clock, ...] | NotMeasured:
    """Every clock that the machine tells: groups of cores, GPU, memory (EMC); or why there is none."""
    policies = entries(root / "sys/devices/system/cpu/cpufreq", "policy*")
    gpus = [folder for folder in entries(root / "sys/class/devfreq", "*") if _GPU.search(folder.name)]
    memory = _emc(root)
    clocks = (*map(_cores, policies), *map(_gpu, gpus), *([memory] if memory else []))
    known = tuple(clock for clock in clocks if clock.now_mhz is not None or clock.most_mhz is not None)
    if known:
        return known
    return NotMeasured("no clocks under /sys/devices/system/cpu/cpufreq or /sys/class/devfreq (a virtual machine?)")


def clocks_pinned(clocks: tuple[Clock, ...]) -> bool | None:
    """Whether all cores and the GPU are pinned, which is what jetson_clocks does; None without any such clock."""
    movable = [clock for clock in clocks if clock.name != "EMC"]
    return all(clock.pinned for clock in movable) if movable else None


def _cores(folder: Path) -> Clock:
    cores = read_text(folder / "affected_cpus") or read_text(folder / "related_cpus")
    name = f"cores {cores}" if cores else folder.name
    return Clock(
        name,
        now_mhz=_mhz(folder / "scaling_cur_freq", _KHZ),
        least_mhz=_mhz(folder / "scaling_min_freq", _KHZ),
        most_mhz=_mhz(folder / "scaling_max_freq", _KHZ),
        hardware_mhz=_mhz(folder / "cpuinfo_max_freq", _KHZ),
        governor=read_text(folder / "scaling_governor"),
    )


def _gpu(folder: Path) -> Clock:
    steps = re.findall(r"\b[0-9]{1,15}\b", read_text(folder / "available_frequencies") or "")
    return Clock(
        f"GPU {folder.name}",
        now_mhz=_mhz(folder / "cur_freq", _HZ),
        least_mhz=_mhz(folder / "min_freq", _HZ),
        most_mhz=_mhz(folder / "max_freq", _HZ),
        hardware_mhz=round(max(map(int, steps)) * _HZ, 3) if steps else None,
        governor=read_text(folder / "governor"),
    )


def _emc(root: Path) -> Clock | None:
    caps = [cap for each in _EMC_CAPS if (cap := read_whole(root / each)) is not None]
    rate_mhz = _mhz(root / _EMC_RATE, _HZ)
    if rate_mhz is None and not caps:
        return None
    most_mhz = caps[0] * _HZ if caps and 0 < caps[0] < _NO_CAP_HZ else None
    return Clock("EMC", rate_mhz, None, most_mhz, None, None)


def _mhz(path: Path, scale: float) -> float | None:
    value = read_whole(path)
    return round(value * scale, 3) if value is not None and value >= 0 else None
