"""What a bench says of the machine's own conditions, on recorded machines."""

from dataclasses import replace
from pathlib import Path

from recorded_machines import EMPTY, ORIN_NANO, write_machine

from edge_nt.bench.device_conditions import (
    DeviceConditions,
    capped_by,
    device_conditions,
    device_lines,
    mark_device,
    throttling_warnings,
)


def between(root: Path, files: dict[str, str], changed: dict[str, str]) -> DeviceConditions:
    start = mark_device(write_machine(root, files))
    return device_conditions(start, mark_device(write_machine(root, changed)))


def test_a_quiet_orin_in_its_fastest_mode_has_nothing_to_warn_of(tmp_path: Path) -> None:
    found = between(tmp_path, ORIN_NANO, {"sys/class/thermal/thermal_zone8/temp": "63781\n"})
    assert (found.power_mode, found.clocks_pinned, found.throttled) == ("MAXN_SUPER", True, ())
    assert (found.temperatures_c_start["tj-thermal"], found.temperatures_c_end["tj-thermal"]) == (50.781, 63.781)
    assert throttling_warnings(found) == ()
    assert capped_by(found) is None
    assert "Hottest: tj-thermal 51 → 64 °C" in device_lines(found)
    assert "GPU 17000000.gpu 1020 → 1020 of 1020 MHz" in device_lines(found)[1]
    assert found.not_measured == {}


def test_a_slower_mode_is_named_with_the_fastest(tmp_path: Path) -> None:
    found = between(tmp_path, {**ORIN_NANO, "var/lib/nvpmodel/status": "pmode:0000\n"}, {})
    assert capped_by(found) == "power mode 15W caps the clocks; MAXN_SUPER is this machine's fastest"
    assert capped_by(None) is None
    assert capped_by(replace(found, fastest_power_mode=None)) is None


def test_throttling_and_a_change_of_mode_are_warned_of(tmp_path: Path) -> None:
    changed = {"sys/class/hwmon/hwmon3/oc1_event_cnt": "2\n", "var/lib/nvpmodel/status": "pmode:0003\n"}
    found = between(tmp_path, ORIN_NANO, changed)
    assert throttling_warnings(found) == (
        "the machine slowed itself down meanwhile: power mode MAXN_SUPER → 7W, under-voltage (OC1) 2 times",
    )


def test_a_machine_that_is_silent_says_so(tmp_path: Path) -> None:
    found = between(tmp_path, EMPTY, {})
    assert set(found.not_measured) == {"power mode", "clocks", "temperatures"}
    assert all(line.startswith("Not measured: ") for line in device_lines(found))
