"""Temperatures, and whether the machine slowed itself down."""

from __future__ import annotations

from edge_nt.health.check import Check, fail, not_measured, ok, warn
from edge_nt.health.scope import Scope
from edge_nt.sensors.not_measured import NotMeasured
from edge_nt.sensors.temperature import ThermalZone, read_temperatures, thermal_zones
from edge_nt.sensors.throttling import read_throttling

_MARGIN_C = 10.0
# Where a zone does not say at which temperature it is slowed down: that far below the one at which it is switched off.
_BELOW_CRITICAL_C = 10.0
_HOT_C = 90.0
_COOL = "clean the air inlet and fan, check that the fan turns, and give the board room"
# Spikes that no clock follows, counted on healthy boards under a bursty load.
_HARMLESS = "over-current spikes (OC3)"


def check_heat(scope: Scope) -> tuple[Check, ...]:
    """The zone nearest to its limit, and what throttling was counted since the machine was started."""
    return _temperature(thermal_zones(scope.root)), _throttling(scope)


def _temperature(zones: tuple[ThermalZone, ...]) -> Check:
    found = read_temperatures(zones)
    if isinstance(found, NotMeasured):
        return not_measured("temperature", found)
    limits = {zone.name: _limit_c(zone) for zone in zones}
    nearest = min(found, key=lambda name: limits[name] - found[name])
    seen = (
        f"{nearest} {found[nearest]:.0f} °C, limit {limits[nearest]:.0f} °C; {len(found)} of {len(zones)} zones answer"
    )
    margin_c = limits[nearest] - found[nearest]
    if margin_c <= 0:
        return fail("temperature", f"{seen}: hot enough to be slowed down", _COOL)
    return warn("temperature", seen, _COOL) if margin_c < _MARGIN_C else ok("temperature", seen)


def _limit_c(zone: ThermalZone) -> float:
    if zone.slows_at_c is not None:
        return zone.slows_at_c
    return _HOT_C if zone.stops_at_c is None else min(_HOT_C, zone.stops_at_c - _BELOW_CRITICAL_C)


def _throttling(scope: Scope) -> Check:
    found = read_throttling(scope.root)
    if found.now:
        return warn("throttling", f"now: {', '.join(found.now)}", f"{_COOL}; check the power supply")
    counted = {name: count for name, count in found.events.items() if count > 0}
    words = ", ".join(f"{name}: {count}" for name, count in counted.items())
    if set(counted) - {_HARMLESS}:
        fix = "give the board the supply that its maker names, with a short thick cable, and check its cooling"
        return warn("throttling", f"since the machine was started: {words}", fix)
    if not found.events:
        return not_measured("throttling", NotMeasured("no counters of it on this machine; nothing is slowed down now"))
    return ok("throttling", f"none since the machine was started{f' but {words}' if words else ''}")
