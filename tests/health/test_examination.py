"""The doctor on recorded machines: what it finds there, and that no machine makes it fail."""

import os
import pwd
import sys
from pathlib import Path
from random import Random

import pytest
from recorded_machines import (
    AMD_PC,
    EMPTY,
    MACHINES,
    ORIN_NANO,
    RASPBERRY_PI,
    nvpmodel_conf,
    spoil_machine,
    write_machine,
)

from edge_nt.health import codecs, memory, packages, time_sync
from edge_nt.health.check import Check
from edge_nt.health.examination import DoctorReport, examine
from edge_nt.health.scope import Scope
from edge_nt.results import read_result, write_result
from edge_nt.sensors.memory import MemoryState
from edge_nt.sensors.not_measured import NotMeasured

_MEMORY = "proc/meminfo"


def checks(root: Path, files: dict[str, str], **scope: object) -> dict[str, Check]:
    report = examine(Scope(root=write_machine(root, files), results=root, **scope))
    return {check.name: check for group in report.groups for check in group.checks}


def changed(root: Path, path: str, text: str) -> dict[str, Check]:
    assert path in ORIN_NANO
    return checks(root, {**ORIN_NANO, path: text})


def test_an_orin_nano_in_good_order(tmp_path: Path) -> None:
    found = checks(tmp_path, ORIN_NANO)
    assert found["board"].seen == "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"
    assert (found["L4T"].seen, found["JetPack"].seen) == ("R36.4.3", "6.2+b77")
    assert found["power mode"] == Check("power mode", "ok", "MAXN_SUPER, the fastest of this board")
    assert (found["clocks"].status, found["power meter"].seen) == ("ok", "INA3221, VDD_IN, 9.3 W now")
    assert (found["temperature"].status, found["throttling"].status) == ("ok", "ok")
    # 99 °C is where tj is slowed down; the NVMe disk's own limit is nearer to it.
    assert found["temperature"].seen == "nvme Composite 42 °C, limit 75 °C; 7 of 10 zones answer"
    assert (found["memory"].status, found["swap"].status) == ("ok", "ok")
    assert "3988 MB of it compressed memory (zram)" in found["swap"].seen


def test_a_jetson_without_its_driver_fails_and_a_pc_does_not(tmp_path: Path, no_driver: None) -> None:
    assert checks(tmp_path / "jetson", ORIN_NANO)["CUDA driver"].status == "fail"
    found = checks(tmp_path / "pc", AMD_PC)
    assert found["CUDA driver"].status == "not applicable"
    assert found["board"].seen.startswith("no Jetson: ")
    assert not {"L4T", "JetPack", "power mode"} & set(found)


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_nt.engines import cuda_driver

    monkeypatch.setattr(cuda_driver, "_LIBRARY", "libcuda-that-nobody-has.so.1")


@pytest.mark.parametrize(
    ("path", "text", "name", "status", "seen"),
    [
        ("etc/nv_tegra_release", "# R36 (release), REVISION: 3.0, GCID: 1", "L4T", "fail", "older than 10.3"),
        ("etc/nv_tegra_release", "# R35 (release), REVISION: 6.0, GCID: 1", "L4T", "fail", "R35.6.0"),
        ("etc/nv_tegra_release", "# R38 (release), REVISION: 2.0, GCID: 1", "L4T", "ok", "R38.2.0"),
        ("etc/nv_tegra_release", "", "L4T", "warn", "no readable"),
        ("var/lib/dpkg/status", "Package: nvidia-jetpack\nStatus: deinstall ok\n", "JetPack", "–", "not installed"),
        ("var/lib/nvpmodel/status", "pmode:0000", "power mode", "warn", "15W, slower than MAXN_SUPER"),
        ("var/lib/nvpmodel/status", "", "power mode", "warn", "not measured: no power mode"),
        ("etc/nvpmodel.conf", "< POWER_MODEL ID=2 NAME=MAXN >", "power mode", "warn", "is not known"),
        ("sys/class/devfreq/17000000.gpu/min_freq", "306000000", "clocks", "warn", "free to fall"),
        ("sys/class/thermal/thermal_zone8/temp", "93000", "temperature", "warn", "tj-thermal 93 °C, limit 99 °C"),
        ("sys/class/thermal/thermal_zone8/temp", "99500", "temperature", "fail", "hot enough to be slowed down"),
        ("sys/class/thermal/cooling_device2/cur_state", "3", "throttling", "warn", "now: devfreq-17000000.gpu"),
        ("sys/class/thermal/cooling_device0/cur_state", "4", "throttling", "ok", "none since"),
        ("sys/class/hwmon/hwmon3/oc1_event_cnt", "7", "throttling", "warn", "under-voltage (OC1): 7"),
        ("sys/class/hwmon/hwmon3/oc3_event_cnt", "37", "throttling", "ok", "over-current spikes (OC3): 37"),
        ("sys/class/hwmon/hwmon1/curr1_input", "", "power meter", "–", "rail VDD_IN does not answer"),
        ("proc/swaps", "", "swap", "ok", "0 of 3988 MB used"),
        (_MEMORY, "MemTotal: 7789952 kB\nMemAvailable: 300000 kB\n", "memory", "fail", "307 of 7977 MB available"),
        (_MEMORY, "MemTotal: 7789952 kB\nMemAvailable: 900000 kB\n", "memory", "warn", "needed 540 MB"),
        (_MEMORY, "MemTotal: 7789952 kB\nMemAvailable: 6900000 kB\n", "swap", "warn", "TensorRT build"),
        (_MEMORY, "MemTotal: 9 kB\n", "memory", "–", "not measured"),
    ],
)
def test_each_thing_that_can_be_wrong_is_seen(
    tmp_path: Path, path: str, text: str, name: str, status: str, seen: str
) -> None:
    check = changed(tmp_path, path, text)[name]
    assert check.status == ("not applicable" if status == "–" else status)
    assert seen in check.seen
    assert bool(check.fix) >= (check.status in ("warn", "fail"))


def test_jetpack_is_found_among_the_thousands_of_packages_of_a_desktop(tmp_path: Path) -> None:
    path = "var/lib/dpkg/status"
    others = "".join(f"Package: lib{k}\nDescription: {'x' * 900}\n\n" for k in range(3000))
    assert changed(tmp_path, path, others + ORIN_NANO[path])["JetPack"].seen == "6.2+b77"


def test_the_fix_of_a_slow_mode_names_the_fastest_by_number(tmp_path: Path) -> None:
    modes = {0: ("MAXN", 12, -1, -1, -1), 1: ("30W", 8, 1728000, 624750000, 3199000000)}
    files = {**ORIN_NANO, "etc/nvpmodel.conf": nvpmodel_conf(modes), "var/lib/nvpmodel/status": "pmode:0001"}
    assert "sudo nvpmodel -m 0," in checks(tmp_path, files)["power mode"].fix


def test_a_raspberry_pi_with_a_weak_supply(tmp_path: Path) -> None:
    found = checks(tmp_path, {**RASPBERRY_PI, "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"})
    assert found["throttling"].seen == "since the machine was started: under-voltage: 1"
    assert found["temperature"].seen == "cpu-thermal 49 °C, limit 90 °C; 1 of 1 zones answer"
    assert "Raspberry Pi 5" in found["board"].seen


def test_swap_that_is_used_up_is_a_warning(tmp_path: Path) -> None:
    state = MemoryState(8000.0, 6000.0, 4000.0, 100.0, 0.0)
    assert memory._swap(state, jetson=True).status == "warn"
    assert memory._swap(MemoryState(64000.0, 6000.0, 0.0, 0.0, 0.0), jetson=True).status == "ok"


def test_disks_that_results_cannot_go_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    report = examine(Scope(root=tmp_path, results=tmp_path / "file" / "results"))
    (disk,) = [check for check in report.having("fail") if check.name == "disk of results"]
    # A service is often another user than the one who asks.
    assert disk.seen == f"{pwd.getpwuid(os.getuid()).pw_name} may not write there"
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "file"))
    assert checks(tmp_path, EMPTY)["cache folder"].status == "warn"


def test_a_missing_codec_and_a_broken_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "_decodes", lambda suffix: suffix != ".jp2")
    assert [check.name for check in codecs.check_codecs(Scope()) if check.status == "fail"] == ["JPEG 2000"]

    class Unavailable:
        is_available = False

    assert codecs._coded("DICOM JPEG-LS", [Unavailable()]).fix == "pip install 'edge-nt[cart]'"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    found = {check.name: check for check in packages.check_packages(Scope())}
    assert found["onnxruntime"].status == "fail"
    assert found["watchfiles"].fix == "pip install 'edge-nt[cart]'"
    assert found["numpy"].status == "ok"


def test_time_is_judged_by_the_kernels_own_word() -> None:
    now_s = 1.8e9
    assert time_sync.judge_time(now_s, (0x2001, 16_000)) == Check("time", "ok", "synchronised, off by at most 16 ms")
    assert time_sync.judge_time(now_s, (0x40, 16_000_000)).status == "warn"
    assert time_sync.judge_time(86_400.0, (0x2001, 1)).seen == "the clock says 1970-01-02"
    assert time_sync.judge_time(now_s, NotMeasured("no adjtimex")).status == "not applicable"
    kernel = time_sync.kernel_clock()
    if sys.platform == "linux" and not isinstance(kernel, NotMeasured):
        # The maximal error grows by 500 ppm and stops at 16 s: anything else would be another field of the struct.
        assert 0 <= kernel[1] <= 16_000_000


def test_a_camera_is_listed_and_what_is_no_camera_does_not_open(tmp_path: Path) -> None:
    assert checks(tmp_path, ORIN_NANO)["/dev/video0"].status == "warn"
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/video0").write_bytes(b"")
    found = checks(tmp_path, ORIN_NANO)["/dev/video0"]
    assert (found.status, found.seen) == ("ok", "HD Webcam: USB capture; not opened (--cameras opens it)")
    opened = checks(tmp_path, ORIN_NANO, open_cameras=True)["/dev/video0"]
    assert opened.status == "fail"
    if os.getuid() != 0:
        (tmp_path / "dev/video0").chmod(0)
        assert "usermod" in checks(tmp_path, ORIN_NANO)["/dev/video0"].fix


@pytest.mark.parametrize("name", MACHINES)
def test_no_machine_makes_a_check_fail_to_be_made(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What does not read the recorded files is looked at once, above.
    from edge_nt.health import examination

    groups = {title: how for title, how in examination._GROUPS.items() if title not in ("Packages", "Pictures", "Time")}
    monkeypatch.setattr(examination, "_GROUPS", groups)
    for seed in range(25):
        root = spoil_machine(tmp_path / str(seed % 2), MACHINES[name], Random(seed))
        report = examine(Scope(root=root, results=root))
        assert not [check for check in report.having("warn") if "could not be checked" in check.seen]


def test_a_group_that_breaks_does_not_take_the_others_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_nt.health import heat

    monkeypatch.setattr(heat, "thermal_zones", lambda root: 1 / 0)
    report = examine(Scope(root=tmp_path, results=tmp_path))
    assert len(report.groups) == 12
    broken = next(group for group in report.groups if group.title == "Heat")
    assert broken.checks[0].seen == "could not be checked: ZeroDivisionError: division by zero"


def test_the_report_is_a_result_file(tmp_path: Path) -> None:
    report = examine(Scope(root=write_machine(tmp_path / "machine", ORIN_NANO), results=tmp_path))
    write_result(tmp_path / "doctor.json", report)
    assert read_result(tmp_path / "doctor.json", DoctorReport) == report
    assert (report.l4t, report.bundle) == ("R36.4.3", None)
