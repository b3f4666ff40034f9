"""The power mode, clocks, temperatures and throttling under which figures were taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_nt.sensors.clocks import Clock, clocks_pinned, read_clocks
from edge_nt.sensors.not_measured import NotMeasured
from edge_nt.sensors.power_mode import PowerMode, ask_power_mode
from edge_nt.sensors.temperature import read_temperatures, thermal_zones
from edge_nt.sensors.throttling import Throttling, read_throttling


@dataclass(frozen=True)
class DeviceConditions:
    """What the machine said of itself at the start and the end; what it hides has its reason in `not_measured`.

    `power_mode` and `fastest_power_mode` are a Jetson's. `clocks_pinned`: cores and GPU ran at one speed, as after
    jetson_clocks. `throttled` says in words what slowed the machine down in between.
    """

    power_mode: str | None
    fastest_power_mode: str | None
    clocks_pinned: bool | None
    clocks_start: tuple[Clock, ...]
    clocks_end: tuple[Clock, ...]
    temperatures_c_start: dict[str, float]
    temperatures_c_end: dict[str, float]
    throttled: tuple[str, ...]
    not_measured: dict[str, str]


@dataclass(frozen=True)
class DeviceMark:
    """One reading of the machine."""

    power_mode: PowerMode | NotMeasured
    clocks: tuple[Clock, ...] | NotMeasured
    temperatures_c: dict[str, float] | NotMeasured
    throttling: Throttling


def mark_device(root: Path = Path("/")) -> DeviceMark:
    """The machine now; asks jetson-stats where it runs, which takes about a second."""
    zones = thermal_zones(root)
    return DeviceMark(ask_power_mode(root), read_clocks(root), read_temperatures(zones), read_throttling(root))


def device_conditions(start: DeviceMark, end: DeviceMark) -> DeviceConditions:
    """What held between two readings. The power mode is that of the end, and a change of it counts as throttling."""
    readings = {"power mode": end.power_mode, "clocks": end.clocks, "temperatures": end.temperatures_c}
    mode = None if isinstance(end.power_mode, NotMeasured) else end.power_mode
    before = None if isinstance(start.power_mode, NotMeasured) else start.power_mode
    changed = (f"power mode {before.name} → {mode.name}",) if mode and before and before.name != mode.name else ()
    clocks = () if isinstance(end.clocks, NotMeasured) else end.clocks
    return DeviceConditions(
        power_mode=mode.name if mode else None,
        fastest_power_mode=mode.fastest if mode else None,
        clocks_pinned=clocks_pinned(clocks),
        clocks_start=() if isinstance(start.clocks, NotMeasured) else start.clocks,
        clocks_end=clocks,
        temperatures_c_start={} if isinstance(start.temperatures_c, NotMeasured) else start.temperatures_c,
        temperatures_c_end={} if isinstance(end.temperatures_c, NotMeasured) else end.temperatures_c,
        throttled=(*changed, *end.throttling.since(start.throttling)),
        not_measured={name: each.reason for name, each in readings.items() if isinstance(each, NotMeasured)},
    )


def throttling_warnings(device: DeviceConditions) -> tuple[str, ...]:
    """What to say when the machine slowed itself down meanwhile; empty when it did not, or does not tell."""
    return (f"the machine slowed itself down meanwhile: {', '.join(device.throttled)}",) if device.throttled else ()


def capped_by(device: DeviceConditions | None) -> str | None:
    """What to say when the power mode is not the fastest one; None when it is, or nobody knows."""
    if device is None or device.fastest_power_mode in (None, device.power_mode):
        return None
    return f"power mode {device.power_mode} caps the clocks; {device.fastest_power_mode} is this machine's fastest"


def device_lines(device: DeviceConditions) -> tuple[str, ...]:
    """The conditions in words, a line each for a person; what was not measured with its reason."""
    lines = []
    if device.power_mode is not None:
        lines.append(f"Power mode {device.power_mode}")
    if device.clocks_end:
        pinned = "pinned" if device.clocks_pinned else "free to change"
        moves = [
            f"{end.name} {_mhz(start.now_mhz)} → {_mhz(end.now_mhz)} of {_mhz(end.hardware_mhz or end.most_mhz)} MHz"
            for start, end in zip(device.clocks_start, device.clocks_end, strict=False)
        ]
        lines.append(f"Clocks ({pinned}): {', '.join(moves)}")
    if device.temperatures_c_end:
        hottest = max(device.temperatures_c_end, key=lambda zone: device.temperatures_c_end[zone])
        before = device.temperatures_c_start.get(hottest)
        start = "?" if before is None else f"{before:.0f}"
        lines.append(f"Hottest: {hottest} {start} → {device.temperatures_c_end[hottest]:.0f} °C")
    return (*lines, *(f"Not measured: {name}: {reason}" for name, reason in device.not_measured.items()))


def _mhz(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"
