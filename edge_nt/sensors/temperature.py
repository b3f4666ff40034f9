"""How hot the machine is, by thermal zone, and where each zone begins to slow it down.

A Jetson Orin has cpu, gpu, soc0 to soc2 and tj (the hottest junction) as thermal zones, and cv0 to cv2, which answer
nothing while they are powered down. What has no thermal zone (an AMD processor, an NVMe disk) is taken from hwmon.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_nt.sensors.node import entries, read_text, read_whole
from edge_nt.sensors.not_measured import NotMeasured

# Outside of these a sensor is off, or a trip point is a placeholder.
_PLAUSIBLE_C = (-60.0, 200.0)
_PLAUSIBLE_TRIP_C = (30.0, 150.0)
# Its trips are thresholds at which a program (thermald) asked to be told; nothing slows down there.
_OF_USERS = ("x86_pkg_temp",)


@dataclass(frozen=True)
class ThermalZone:
    """A place with a sensor. `slows_at_c` is its lowest trip that slows the machine, `stops_at_c` the critical one."""

    name: str
    sensor: Path
    slows_at_c: float | None
    stops_at_c: float | None

    def celsius(self) -> float | None:
        """The temperature now; None while the sensor does not answer, or answers nonsense."""
        return _celsius(self.sensor, _PLAUSIBLE_C)


def thermal_zones(root: Path = Path("/")) -> tuple[ThermalZone, ...]:
    """Every zone that the kernel knows, whether it answers or not, with names that differ."""
    zones = [
        ThermalZone(name, folder / "temp", *_trips(folder))
        for folder in entries(root / "sys/class/thermal", "thermal_zone*")
        if (name := read_text(folder / "type"))
    ]
    # The driver of a thermal zone shows it in hwmon too, with its dashes written as underscores.
    shown = {zone.name.replace("-", "_") for zone in zones}
    zones += [
        _hwmon_zone(folder, chip, sensor)
        for folder in entries(root / "sys/class/hwmon", "hwmon*")
        if (chip := read_text(folder / "name")) and chip not in shown
        for sensor in entries(folder, "temp*_input")
    ]
    counts: dict[str, int] = {}
    named = []
    for zone in zones:
        counts[zone.name] = counts.get(zone.name, 0) + 1
        suffix = f" {counts[zone.name]}" if counts[zone.name] > 1 else ""
        named.append(ThermalZone(zone.name + suffix, zone.sensor, zone.slows_at_c, zone.stops_at_c))
    return tuple(named)


def read_temperatures(zones: tuple[ThermalZone, ...]) -> dict[str, float] | NotMeasured:
    """Degrees Celsius by zone, those that do not answer left out; or why there is none at all."""
    found = {zone.name: value for zone in zones if (value := zone.celsius()) is not None}
    if found:
        return found
    if zones:
        return NotMeasured(f"none of {len(zones)} thermal zones answers")
    return NotMeasured("no thermal zones under /sys/class/thermal and no sensors under /sys/class/hwmon")


def _trips(folder: Path) -> tuple[float | None, float | None]:
    if read_text(folder / "type") in _OF_USERS:
        return None, None
    trips = [
        (read_text(kind), at_c)
        for kind in entries(folder, "trip_point_*_type")
        if (at_c := _celsius(folder / kind.name.replace("_type", "_temp"), _PLAUSIBLE_TRIP_C)) is not None
    ]
    slows = (at_c for kind, at_c in trips if kind in ("passive", "hot"))
    stops = (at_c for kind, at_c in trips if kind == "critical")
    return min(slows, default=None), min(stops, default=None)


def _hwmon_zone(folder: Path, chip: str, sensor: Path) -> ThermalZone:
    stem = sensor.name.removesuffix("_input")
    label = read_text(folder / f"{stem}_label")
    name = f"{chip} {label}" if label else chip
    return ThermalZone(name, sensor, None, _celsius(folder / f"{stem}_crit", _PLAUSIBLE_TRIP_C))


def _celsius(path: Path, plausible: tuple[float, float]) -> float | None:
    value = read_whole(path)
    return value / 1e3 if value is not None and plausible[0] <= value / 1e3 <= plausible[1] else None
