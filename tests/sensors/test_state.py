"""What recorded machines say of themselves, and that none of them, spoiled in any way, makes a reader fail."""

import os
from pathlib import Path
from random import Random
from time import perf_counter

import pytest
from recorded_machines import AMD_PC, EMPTY, MACHINES, ORIN_NANO, RASPBERRY_PI, spoil_machine, write_machine

from edge_nt.sensors.board import read_board
from edge_nt.sensors.clocks import Clock, clocks_pinned, read_clocks
from edge_nt.sensors.not_measured import NotMeasured
from edge_nt.sensors.power_mode import read_power_mode
from edge_nt.sensors.state import DeviceReader, DeviceState
from edge_nt.sensors.temperature import thermal_zones


def state_of(root: Path, files: dict[str, str]) -> DeviceState:
    return DeviceReader(root, write_machine(root, files)).read()


def test_an_orin_nano_tells_everything(tmp_path: Path) -> None:
    state = state_of(tmp_path, ORIN_NANO)
    assert state.not_measured == {}
    # The cv zones are powered down: left out, not zero.
    assert state.temperatures_c == {
        **{"cpu-thermal": 50.156, "gpu-thermal": 50.531, "soc0-thermal": 50.0, "soc1-thermal": 50.781},
        **{"soc2-thermal": 49.062, "tj-thermal": 50.781, "nvme Composite": 41.85},
    }
    # VDD_IN alone, of which the other rails are parts.
    assert state.power_w == pytest.approx(4.984 * 1.856)
    assert state.power_meter == "INA3221, VDD_IN"
    assert [clock.name for clock in state.clocks] == ["cores 0 1 2 3", "cores 4 5", "GPU 17000000.gpu", "EMC"]
    assert state.clocks[2] == Clock("GPU 17000000.gpu", 1020.0, 1020.0, 1020.0, 1020.0, "nvhost_podgov")
    assert clocks_pinned(state.clocks) is True
    assert state.memory is not None
    assert state.memory.total_mb == pytest.approx(7976.9, abs=0.1)
    assert (state.memory.swap_mb > 3900, state.memory.swap_on_disk_mb) == (True, 0.0)
    assert state.resident_mb == pytest.approx(184.32)
    assert state.uptime_s == pytest.approx(3605.42)
    assert state.throttling.now == ()
    assert set(state.throttling.events.values()) == {0}
    assert state.disk is not None


def test_an_orin_knows_where_it_is_slowed_down(tmp_path: Path) -> None:
    zones = {zone.name: zone for zone in thermal_zones(write_machine(tmp_path, ORIN_NANO))}
    assert (zones["tj-thermal"].slows_at_c, zones["tj-thermal"].stops_at_c) == (99.0, 104.5)
    assert zones["cv0-thermal"].celsius() is None
    assert zones["nvme Composite"].stops_at_c == 84.85


def test_the_thresholds_of_a_program_slow_nothing_down(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    trip = {f"{zone}/trip_point_0_type": "passive\n", f"{zone}/trip_point_0_temp": "60000\n"}
    for kind, slows_at_c in (("x86_pkg_temp", None), ("acpitz", 60.0)):
        root = write_machine(tmp_path / kind, {f"{zone}/type": f"{kind}\n", f"{zone}/temp": "62000\n", **trip})
        assert [each.slows_at_c for each in thermal_zones(root)] == [slows_at_c]


def test_a_raspberry_pi_has_no_meter_and_one_zone_once(tmp_path: Path) -> None:
    state = state_of(tmp_path, RASPBERRY_PI)
    assert state.temperatures_c == {"cpu-thermal": 48.95}
    assert set(state.not_measured) == {"power_w"}
    assert clocks_pinned(state.clocks) is False
    assert state.throttling.events == {"under-voltage": 0}
    assert state.memory is not None
    assert state.memory.swap_on_disk_mb == pytest.approx(104.8, abs=0.1)
    assert not read_board(tmp_path).is_jetson


def test_a_pc_tells_its_watts_at_the_second_reading(tmp_path: Path) -> None:
    reader = DeviceReader(tmp_path, write_machine(tmp_path, AMD_PC))
    deadline = perf_counter() + 0.02
    while perf_counter() < deadline:
        pass
    (tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj").write_text("41226806614\n")
    state = reader.read()
    assert state.power_w is not None
    assert 0 < state.power_w <= 1 / 0.02
    assert state.temperatures_c == {"acpitz": 16.8, "k10temp Tctl": 61.875, "k10temp Tccd1": 57.25}


def test_a_machine_that_tells_nothing_says_why(tmp_path: Path) -> None:
    state = state_of(tmp_path, EMPTY)
    unknown = {"temperatures_c", "power_w", "clocks", "memory", "resident_mb", "uptime_s"}
    assert set(state.not_measured) == unknown
    assert all(state.not_measured.values())
    assert (state.temperatures_c, state.clocks, state.memory) == ({}, (), None)
    assert isinstance(read_power_mode(tmp_path), NotMeasured)
    assert isinstance(read_clocks(tmp_path), NotMeasured)


def test_throttling_between_two_readings_is_named(tmp_path: Path) -> None:
    reader = DeviceReader(tmp_path, write_machine(tmp_path, ORIN_NANO))
    before = reader.read().throttling
    assert before.since(before) == ()
    (tmp_path / "sys/class/hwmon/hwmon3/oc2_event_cnt").write_text("15\n")
    (tmp_path / "sys/class/thermal/cooling_device1/cur_state").write_text("2\n")
    assert reader.read().throttling.since(before) == (
        "average over-current (OC2) 15 times",
        "cpufreq-cpu0 held back",
    )


def test_a_reading_is_cheap(tmp_path: Path) -> None:
    reader = DeviceReader(tmp_path, write_machine(tmp_path, ORIN_NANO))
    times_s = []
    for _ in range(20):
        start = perf_counter()
        reader.read()
        times_s.append(perf_counter() - start)
    # A few milliseconds; the bound has room for a busy machine. It starts no process and imports nothing.
    assert min(times_s) < 0.05


@pytest.mark.parametrize("name", MACHINES)
def test_no_content_of_any_file_makes_a_reader_fail(name: str, tmp_path: Path) -> None:
    for seed in range(30):
        spoil_machine(tmp_path, MACHINES[name], Random(seed))
        state = DeviceReader(tmp_path, tmp_path).read()
        assert all(-60 <= value <= 200 for value in state.temperatures_c.values())
        read_power_mode(tmp_path)
        read_board(tmp_path)


def test_folders_and_fifos_in_place_of_files_are_no_error(tmp_path: Path) -> None:
    write_machine(tmp_path, ORIN_NANO)
    for index, path in enumerate(ORIN_NANO):
        (tmp_path / path).unlink()
        # A FIFO that is opened in the plain way would wait for its writer for ever.
        os.mkfifo(tmp_path / path) if index % 2 else (tmp_path / path).mkdir()
    assert DeviceReader(tmp_path, tmp_path).read().temperatures_c == {}
