"""Power modes from nvpmodel's own two files."""

from pathlib import Path

import pytest
from recorded_machines import ORIN_NANO, nvpmodel_conf, write_machine

from edge_nt.sensors.not_measured import NotMeasured
from edge_nt.sensors.power_mode import PowerMode, read_modes, read_power_mode


def mode_of(root: Path, status: str, conf: str) -> PowerMode | NotMeasured:
    return read_power_mode(write_machine(root, {"var/lib/nvpmodel/status": status, "etc/nvpmodel.conf": conf}))


def test_the_fastest_mode_is_found_by_its_caps(tmp_path: Path) -> None:
    write_machine(tmp_path, ORIN_NANO)
    assert read_modes(tmp_path) == {0: "15W", 1: "25W", 2: "MAXN_SUPER", 3: "7W"}
    assert read_power_mode(tmp_path) == PowerMode(2, "MAXN_SUPER", "MAXN_SUPER", 2)


@pytest.mark.parametrize(("number", "name"), [(0, "15W"), (1, "25W"), (3, "7W")])
def test_other_modes_are_slower(tmp_path: Path, number: int, name: str) -> None:
    found = mode_of(tmp_path, f"pmode:{number:04d}\n", nvpmodel_conf())
    assert isinstance(found, PowerMode)
    assert (found.name, found.is_fastest) == (name, False)


def test_without_an_uncapped_mode_the_highest_caps_count(tmp_path: Path) -> None:
    # An Orin Nano before JetPack 6.2: two modes, and the first is the faster one.
    modes = {0: ("15W", 6, 1510400, 624750000, 2133000000), 1: ("7W", 4, 960000, 408000000, 2133000000)}
    found = mode_of(tmp_path, "pmode:0000", nvpmodel_conf(modes))
    assert isinstance(found, PowerMode)
    assert found.is_fastest


def test_caps_that_do_not_fit_32_bits_are_told_apart(tmp_path: Path) -> None:
    modes = {0: ("A", 6, 1, 918000000, 3199000000), 1: ("B", 6, 1, 918000000, 4266000000)}
    found = mode_of(tmp_path, "pmode:0000", nvpmodel_conf(modes))
    assert isinstance(found, PowerMode)
    assert found.fastest == "B"


def test_a_catalogue_without_caps_does_not_tell_the_fastest(tmp_path: Path) -> None:
    conf = "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=7W >\n"
    assert mode_of(tmp_path, "pmode:0001", conf) == PowerMode(1, "7W", None, None)
    assert PowerMode(1, "7W", None, None).is_fastest is None


@pytest.mark.parametrize(
    ("status", "conf", "reason"),
    [
        ("", nvpmodel_conf(), "no power mode in"),
        ("pmode:0007", nvpmodel_conf(), "says mode 7"),
        ("pmode:0", "", "mode 0"),
    ],
)
def test_what_the_files_do_not_say_is_not_guessed(tmp_path: Path, status: str, conf: str, reason: str) -> None:
    found = mode_of(tmp_path, status, conf)
    assert isinstance(found, NotMeasured)
    assert reason in found.reason


def test_zero_leaves_the_memory_clock_uncapped_too(tmp_path: Path) -> None:
    modes = {0: ("A", 6, 1, 918000000, 0), 1: ("B", 6, 1, 918000000, 4266000000)}
    found = mode_of(tmp_path, "pmode:0000", nvpmodel_conf(modes))
    assert isinstance(found, PowerMode)
    assert found.is_fastest
