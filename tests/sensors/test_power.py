"""Energy meters on folders that look as the kernel's /sys does."""

from pathlib import Path
from time import sleep

import pytest

from edge_nt.sensors.not_measured import NotMeasured
from edge_nt.sensors.power import EnergyMeter, NoMeter, find_meter


def rapl(root: Path, index: int, name: str, energy_uj: int, range_uj: int = 1_000_000) -> Path:
    domain = root / f"sys/class/powercap/intel-rapl:{index}"
    domain.mkdir(parents=True)
    (domain / "name").write_text(f"{name}\n")
    (domain / "max_energy_range_uj").write_text(f"{range_uj}\n")
    (domain / "energy_uj").write_text(f"{energy_uj}\n")
    return domain / "energy_uj"


def ina3221(root: Path, rails: dict[str, tuple[int, int]], index: int = 0) -> None:
    folder = root / f"sys/class/hwmon/hwmon{index}"
    folder.mkdir(parents=True)
    (folder / "name").write_text("ina3221\n")
    for channel, (label, (millivolts, milliamperes)) in enumerate(rails.items(), start=1):
        (folder / f"in{channel}_label").write_text(f"{label}\n")
        (folder / f"in{channel}_input").write_text(f"{millivolts}\n")
        (folder / f"curr{channel}_input").write_text(f"{milliamperes}\n")


def metered(root: Path) -> EnergyMeter:
    meter = find_meter(root)
    assert not isinstance(meter, NoMeter)
    return meter


def test_a_machine_without_meters_says_so(tmp_path: Path) -> None:
    found = find_meter(tmp_path)
    assert isinstance(found, NoMeter)
    assert "RAPL" in found.reason
    assert "INA3221" in found.reason


def test_packages_add_up_and_only_while_measuring(tmp_path: Path) -> None:
    first, second = rapl(tmp_path, 0, "package-0", 100), rapl(tmp_path, 1, "package-1", 500)
    rapl(tmp_path, 2, "psys", 0)
    meter = metered(tmp_path)
    assert meter.name == "RAPL, 2 processor packages"
    first.write_text("40000")
    with meter:
        first.write_text("140000")
        second.write_text("200500")
    second.write_text("900000")
    assert meter.joules == pytest.approx(0.3)


def test_a_counter_that_runs_over_is_set_right(tmp_path: Path) -> None:
    counter = rapl(tmp_path, 0, "package-0", 900_000)
    meter = metered(tmp_path)
    with meter:
        counter.write_text("50000")
    assert meter.joules == pytest.approx(0.15)


def test_a_counter_that_cannot_be_read_is_a_reason(tmp_path: Path) -> None:
    rapl(tmp_path, 0, "package-0", 0).write_text("secret")
    found = find_meter(tmp_path)
    assert isinstance(found, NoMeter)
    assert "cannot read" in found.reason


def test_jetson_power_is_summed_over_time(tmp_path: Path) -> None:
    ina3221(tmp_path, {"VDD_GPU_SOC": (5000, 1000), "VDD_CPU_CV": (5000, 600), "NC": (1, 1)})
    meter = metered(tmp_path)
    assert meter.name == "INA3221, VDD_GPU_SOC + VDD_CPU_CV"
    with meter:
        sleep(0.3)
    assert 8 * 0.3 <= meter.joules < 8 * 0.45


def test_a_sensor_that_fails_on_the_way_is_heard(tmp_path: Path) -> None:
    ina3221(tmp_path, {"VDD_IN": (5000, 2000)})
    meter = metered(tmp_path)

    def measure() -> None:
        with meter:
            (tmp_path / "sys/class/hwmon/hwmon0/curr1_input").unlink()
            sleep(0.15)

    with pytest.raises(OSError, match="rail VDD_IN does not answer"):
        measure()


def test_the_rail_of_the_whole_module_stands_alone(tmp_path: Path) -> None:
    ina3221(tmp_path, {"VDD_IN": (5000, 2000), "VDD_CPU_GPU_CV": (5000, 900), "VDD_SOC": (5000, 300)})
    assert metered(tmp_path).name == "INA3221, VDD_IN"


def test_parts_of_other_rails_and_rails_of_the_carrier_are_not_added(tmp_path: Path) -> None:
    # An industrial AGX Orin: two monitors on the module, one on the board that carries it.
    ina3221(tmp_path, {"VDD_GPU_SOC": (5000, 1000), "VDD_CPU_CV": (5000, 600), "VIN_SYS_5V0": (5000, 900)}, 0)
    ina3221(tmp_path, {"NC": (1, 1), "VDDQ_VDD2_1V8AO": (5000, 220), "NC ": (1, 1)}, 1)
    ina3221(tmp_path, {"CVB_ATX_12V": (12000, 900), "CVB_ATX_3V3": (3300, 100), "CVB_ATX_5V": (5000, 300)}, 2)
    meter = metered(tmp_path)
    assert meter.name == "INA3221, VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0"
    assert meter.watts_now() == pytest.approx(12.5)


def test_watts_now_are_the_rails_at_this_moment(tmp_path: Path) -> None:
    ina3221(tmp_path, {"VDD_IN": (5000, 2000)})
    meter = metered(tmp_path)
    assert meter.watts_now() == pytest.approx(10.0)
    (tmp_path / "sys/class/hwmon/hwmon0/in1_input").write_text("")
    assert isinstance(silent := meter.watts_now(), NotMeasured)
    assert "VDD_IN" in silent.reason


def test_a_counter_gives_the_mean_since_it_was_last_asked(tmp_path: Path) -> None:
    counter = rapl(tmp_path, 0, "package-0", 0, range_uj=10**9)
    meter = metered(tmp_path)
    assert isinstance(meter.watts_now(), NotMeasured)
    sleep(0.1)
    counter.write_text("1000000")
    watts = meter.watts_now()
    assert not isinstance(watts, NotMeasured)
    assert 1 / 0.3 < watts <= 10
    sleep(0.02)
    assert meter.watts_now() == 0.0


def test_a_counter_that_nobody_asked_for_hours_may_have_run_over_unseen(tmp_path: Path) -> None:
    counter = rapl(tmp_path, 0, "package-0", 0, range_uj=10**9)
    meter = metered(tmp_path)
    meter._asked_s -= 7200
    counter.write_text("1000000")
    assert isinstance(meter.watts_now(), NotMeasured)
    sleep(0.02)
    assert meter.watts_now() == 0.0
