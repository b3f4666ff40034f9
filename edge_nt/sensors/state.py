"""All that the machine says of itself at one moment: what the service publishes and the doctor judges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edge_nt.sensors.clocks import Clock, read_clocks
from edge_nt.sensors.disk import DiskState, read_disk
from edge_nt.sensors.memory import MemoryState, read_memory, resident_mb
from edge_nt.sensors.node import read_text
from edge_nt.sensors.not_measured import NotMeasured
from edge_nt.sensors.power import NoMeter, find_meter
from edge_nt.sensors.temperature import read_temperatures, thermal_zones
from edge_nt.sensors.throttling import Throttling, read_throttling

Reading = TypeVar("Reading")


@dataclass(frozen=True)
class DeviceState:
    """One reading. What is None or empty has its reason in `not_measured`, under the name of the field.

    `power_w` is of the whole module on a Jetson, of the processor packages on a PC; `power_meter` says which.
    """

    temperatures_c: Mapping[str, float]
    power_w: float | None
    power_meter: str | None
    clocks: tuple[Clock, ...]
    memory: MemoryState | None
    resident_mb: float | None
    disk: DiskState | None
    uptime_s: float | None
    throttling: Throttling
    not_measured: Mapping[str, str]


class DeviceReader:
    """Finds the sensors once and reads them as often as wanted: a few dozen small files, no process, never an error.

    `results` is the folder whose disk counts. One thread at a time.
    """

    def __init__(self, results: Path = Path(), root: Path = Path("/")) -> None:
        self._root = root
        self._results = results
        self._zones = thermal_zones(root)
        self._meter = find_meter(root)

    def read(self) -> DeviceState:
        """The state now. RAPL's watts are the mean since the last reading."""
        meter, absent = self._meter, dict[str, str]()
        power = meter if isinstance(meter, NoMeter) else meter.watts_now()
        return DeviceState(
            temperatures_c=_told("temperatures_c", read_temperatures(self._zones), absent) or {},
            power_w=_told("power_w", power, absent),
            power_meter=None if isinstance(meter, NoMeter) else meter.name,
            clocks=_told("clocks", read_clocks(self._root), absent) or (),
            memory=_told("memory", read_memory(self._root), absent),
            resident_mb=_told("resident_mb", resident_mb(self._root), absent),
            disk=_told("disk", read_disk(self._results), absent),
            uptime_s=_told("uptime_s", _uptime_s(self._root), absent),
            throttling=read_throttling(self._root),
            not_measured=absent,
        )


def _told(name: str, reading: Reading | NotMeasured, absent: dict[str, str]) -> Reading | None:
    if isinstance(reading, NotMeasured):
        absent[name] = reading.reason
        return None
    return reading


def _uptime_s(root: Path) -> float | NotMeasured:
    found = re.match(r"[0-9]{1,12}\.?[0-9]{0,6}", read_text(root / "proc/uptime") or "")
    return float(found[0]) if found else NotMeasured("no seconds in /proc/uptime, which Linux has")
