"""Whether the machine slowed itself down: counters since it was started, and what slows it now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_nt.sensors.node import entries, read_text, read_whole

# A Jetson Orin's and Thor's over-current events, by NVIDIA's platform guide. OC3 counts spikes too short for any clock
# to follow; it rises under a bursty load on a healthy board.
_OVER_CURRENT = {"oc1": "under-voltage (OC1)", "oc2": "average over-current (OC2)", "oc3": "over-current spikes (OC3)"}
# Cooling devices that are clocks; fans, lamps and the like are not throttling.
_CLOCKS = re.compile(r"(thermal-)?(cpufreq|devfreq)-|Processor$|.*throttle-alert$")


@dataclass(frozen=True)
class Throttling:
    """`events` counts since the machine was started, by cause; `now` names what is slowed down at this moment."""

    events: Mapping[str, int]
    now: tuple[str, ...]

    def since(self, earlier: Throttling) -> tuple[str, ...]:
        """What slowed the machine down after `earlier` was read, in words; empty when nothing did."""
        rises = {name: count - earlier.events.get(name, 0) for name, count in self.events.items()}
        counted = [f"{name} {rise} times" for name, rise in rises.items() if rise > 0]
        return (*counted, *(f"{name} held back" for name in dict.fromkeys((*earlier.now, *self.now))))


def read_throttling(root: Path = Path("/")) -> Throttling:
    """What the machine tells of its throttling; empty where it tells nothing."""
    events = {**_thermal_events(root), **_over_current(root), **_under_voltage(root)}
    now = [
        kind
        for device in entries(root / "sys/class/thermal", "cooling_device*")
        if _CLOCKS.match(kind := read_text(device / "type") or "") and (read_whole(device / "cur_state") or 0) > 0
    ]
    return Throttling(events, tuple(dict.fromkeys(now)))


def _thermal_events(root: Path) -> dict[str, int]:
    # Intel counts them for each core; the cores of a package share its counter.
    folder = root / "sys/devices/system/cpu"
    events = {}
    for name, scope in (("core hot", "core_throttle_count"), ("package hot", "package_throttle_count")):
        counts = [read_whole(path) for path in entries(folder, f"cpu[0-9]*/thermal_throttle/{scope}")]
        known = [count for count in counts if count is not None]
        if known:
            events[name] = max(known) if name.startswith("package") else sum(known)
    return events


def _over_current(root: Path) -> dict[str, int]:
    return {
        words: count
        for folder in entries(root / "sys/class/hwmon", "hwmon*")
        if read_text(folder / "name") == "soctherm_oc"
        for name, words in _OVER_CURRENT.items()
        if (count := read_whole(folder / f"{name}_event_cnt")) is not None
    }


def _under_voltage(root: Path) -> dict[str, int]:
    # A Raspberry Pi says whether its supply has been too low; once said it stays said until the next start.
    alarms = [
        alarm
        for folder in entries(root / "sys/class/hwmon", "hwmon*")
        if read_text(folder / "name") == "rpi_volt"
        if (alarm := read_whole(folder / "in0_lcrit_alarm")) is not None
    ]
    return {"under-voltage": max(alarms)} if alarms else {}
