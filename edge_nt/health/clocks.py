"""Power mode, clocks and the power meter."""

from __future__ import annotations

from edge_nt.health.check import Check, not_measured, ok, warn
from edge_nt.health.scope import Scope
from edge_nt.sensors.board import read_board
from edge_nt.sensors.clocks import Clock, clocks_pinned, read_clocks
from edge_nt.sensors.not_measured import NotMeasured
from edge_nt.sensors.power import NoMeter, find_meter
from edge_nt.sensors.power_mode import PowerMode, ask_power_mode

# A clock that may not come nearer to what its hardware can is capped by somebody.
_CAPPED_BELOW = 0.95


def check_clocks(scope: Scope) -> tuple[Check, ...]:
    """The power mode of a Jetson, the clocks of any machine, and whether its power can be measured."""
    jetson = read_board(scope.root).is_jetson
    mode, clocks = ask_power_mode(scope.root), read_clocks(scope.root)
    told = not_measured("clocks", clocks) if isinstance(clocks, NotMeasured) else _clocks(clocks, jetson)
    return (*([_mode(mode)] if jetson else []), told, _meter(scope))


def _mode(mode: PowerMode | NotMeasured) -> Check:
    if isinstance(mode, NotMeasured):
        fix = "sudo nvpmodel -q; in a container, mount the host's /var/lib/nvpmodel and /etc/nvpmodel.conf"
        return warn("power mode", f"not measured: {mode.reason}", fix)
    if mode.is_fastest is None:
        return warn("power mode", f"{mode.name}; whether it is the fastest is not known", "sudo nvpmodel -p --verbose")
    if not mode.is_fastest:
        fix = f"sudo nvpmodel -m {mode.fastest_number}, where supply and cooling allow it; it outlives a restart"
        return warn("power mode", f"{mode.name}, slower than {mode.fastest}", fix)
    return ok("power mode", f"{mode.name}, the fastest of this board")


def _clocks(clocks: tuple[Clock, ...], jetson: bool) -> Check:
    seen = "; ".join(_words(clock) for clock in clocks)
    capped = [
        clock.name
        for clock in clocks
        if clock.most_mhz and clock.hardware_mhz and clock.most_mhz < _CAPPED_BELOW * clock.hardware_mhz
    ]
    if capped and not jetson:  # A Jetson's are capped by its power mode, which has a line of its own.
        return warn("clocks", f"{seen}; capped: {', '.join(capped)}", "sudo cpupower frequency-set -g performance")
    if jetson and not clocks_pinned(clocks):
        fix = "sudo jetson_clocks pins them until the next start; measure with edge-nt bench --paced 30 what it gains"
        return warn("clocks", f"{seen}; free to fall between frames", fix)
    return ok("clocks", seen)


def _words(clock: Clock) -> str:
    now = "?" if clock.now_mhz is None else f"{clock.now_mhz:.0f}"
    most = "?" if clock.most_mhz is None else f"{clock.most_mhz:.0f}"
    return f"{clock.name}: {now} of at most {most} MHz{f', {clock.governor}' if clock.governor else ''}"


def _meter(scope: Scope) -> Check:
    meter = find_meter(scope.root)
    if isinstance(meter, NoMeter):
        return not_measured("power meter", meter)
    watts = meter.watts_now()
    # A counter of joules needs two readings, which a service takes and this does not.
    now = "" if isinstance(watts, NotMeasured) else f", {watts:.1f} W now"
    return ok("power meter", f"{meter.name}{now}")
