"""Files of /sys, /proc and /etc as real machines have them, so that sensors and checks run without the machines.

The Orin Nano's are put together from public records of such boards on JetPack 6 (L4T R36.4 and R36.5), found in GitHub
repositories: the nine thermal zones with their trips and the cv zones that answer EAGAIN while powered down; hwmon
names, rails, alarms and over-current counters (``soctherm_oc``); cpufreq policies 0 and 4, ``17000000.gpu`` in devfreq
and the EMC cap; ``pmode:0002`` and the four modes of nvpmodel_p3767_0003_super.conf with their caps. Temperatures and
currents are those of one record. No file here was copied from a device by us.
"""

from pathlib import Path
from random import Random

# Powered-down zones: a file that is there and gives no text, the nearest that a plain file comes to EAGAIN.
SILENT = ""

_MODES = {
    # number: name, cores online, cores' MHz, GPU and EMC in Hz; -1 leaves a clock as it is
    0: ("15W", 6, 1497600, 612000000, 2133000000),
    1: ("25W", 6, 1344000, 918000000, 3199000000),
    2: ("MAXN_SUPER", 6, -1, -1, -1),
    3: ("7W", 4, 960000, 408000000, 2133000000),
}


def nvpmodel_conf(modes: dict[int, tuple[str, int, int, int, int]] | None = None) -> str:
    """A catalogue of power modes with the definitions that stand before them in a real one."""
    lines = [
        "# nvpmodel configuration; < POWER_MODEL ID=9 NAME=COMMENT >",
        "< PARAM TYPE=FILE NAME=CPU_ONLINE >",
        "CORE_0 /sys/devices/system/cpu/cpu0/online",
        "< PARAM TYPE=CLOCK NAME=GPU >",
        "FREQ_TABLE /sys/devices/platform/17000000.gpu/devfreq_dev/available_frequencies",
        "MAX_FREQ /sys/devices/platform/17000000.gpu/devfreq_dev/max_freq",
        "< PARAM TYPE=CLOCK NAME=EMC >",
        "MAX_FREQ /sys/kernel/nvpmodel_clk_cap/emc",
        "",
    ]
    for number, (name, cores, cpu_khz, gpu_hz, emc_hz) in (modes or _MODES).items():
        lines += [f"< POWER_MODEL ID={number} NAME={name} >"]
        lines += [f"CPU_ONLINE CORE_{core} {int(core < cores)}" for core in range(6)]
        lines += ["FBP_POWER_GATING FBP_PG_MASK 2", "TPC_POWER_GATING TPC_PG_MASK 240"]
        lines += [f"CPU_A78_{index} MIN_FREQ 729600\nCPU_A78_{index} MAX_FREQ {cpu_khz}" for index in (0, 4)]
        lines += ["GPU MIN_FREQ 0", f"GPU MAX_FREQ {gpu_hz}", f"EMC MAX_FREQ {emc_hz}", ""]
    return "\n".join([*lines, "< PM_CONFIG DEFAULT=2 >", ""])


def _zone(index: int, kind: str, millidegrees: str) -> dict[str, str]:
    folder = f"sys/class/thermal/thermal_zone{index}"
    return {
        f"{folder}/type": f"{kind}\n",
        f"{folder}/temp": millidegrees,
        f"{folder}/trip_point_0_type": "critical\n",
        f"{folder}/trip_point_0_temp": "104500\n",
        f"{folder}/trip_point_1_type": "passive\n",
        f"{folder}/trip_point_1_temp": "99000\n",
    }


def _policy(first: int, cores: str, now: int, least: int, most: int, hardware: int, governor: str) -> dict[str, str]:
    folder = f"sys/devices/system/cpu/cpufreq/policy{first}"
    return {
        f"{folder}/affected_cpus": f"{cores}\n",
        f"{folder}/scaling_cur_freq": f"{now}\n",
        f"{folder}/scaling_min_freq": f"{least}\n",
        f"{folder}/scaling_max_freq": f"{most}\n",
        f"{folder}/cpuinfo_max_freq": f"{hardware}\n",
        f"{folder}/scaling_governor": f"{governor}\n",
    }


def _rail(index: int, label: str, millivolts: int, milliamperes: int) -> dict[str, str]:
    folder = "sys/class/hwmon/hwmon1"
    return {
        f"{folder}/in{index}_label": f"{label}\n",
        f"{folder}/in{index}_input": f"{millivolts}\n",
        f"{folder}/curr{index}_input": f"{milliamperes}\n",
        f"{folder}/curr{index}_crit_alarm": "0\n",
    }


def _meminfo(total_kb: int, available_kb: int, swap_kb: int, swap_free_kb: int) -> str:
    return (
        f"MemTotal:{total_kb:>16} kB\nMemFree:{available_kb // 2:>17} kB\nMemAvailable:{available_kb:>12} kB\n"
        f"Buffers:           41236 kB\nSwapTotal:{swap_kb:>15} kB\nSwapFree:{swap_free_kb:>16} kB\n"
        "HugePages_Total:       0\n"
    )


_SELF = "Name:\tpython3\nVmHWM:\t  214700 kB\nVmRSS:\t  180000 kB\nThreads:\t1\n"
_ZONES = ("cpu 50156", "gpu 50531", "cv0", "cv1", "cv2", "soc0 50000", "soc1 50781", "soc2 49062", "tj 50781")

ORIN_NANO: dict[str, str] = {
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: "
    "Wed Jan  8 01:49:37 UTC 2025\n# KERNEL_VARIANT: oot\nTARGET_USERSPACE_LIB_DIR=nvidia\n",
    "var/lib/dpkg/status": "Package: nvidia-jetpack\nStatus: install ok installed\nVersion: 6.2+b77\n\n"
    "Package: tensorrt\nStatus: install ok installed\nVersion: 10.3.0.30-1+cuda12.5\n\n",
    "var/lib/nvpmodel/status": "pmode:0002 fmode:quiet\n",
    "etc/nvpmodel.conf": nvpmodel_conf(),
    **{
        path: text
        for index, words in enumerate(_ZONES)
        for name, _, value in (words.partition(" "),)
        for path, text in _zone(index, f"{name}-thermal", f"{value}\n" if value else SILENT).items()
    },
    "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device0/cur_state": "1\n",
    "sys/class/thermal/cooling_device1/type": "cpufreq-cpu0\n",
    "sys/class/thermal/cooling_device1/cur_state": "0\n",
    "sys/class/thermal/cooling_device2/type": "devfreq-17000000.gpu\n",
    "sys/class/thermal/cooling_device2/cur_state": "0\n",
    "sys/class/thermal/cooling_device3/type": "cpu-throttle-alert\n",
    "sys/class/thermal/cooling_device3/cur_state": "0\n",
    "sys/class/hwmon/hwmon0/name": "pwmfan\n",
    "sys/class/hwmon/hwmon1/name": "ina3221\n",
    **_rail(1, "VDD_IN", 4984, 1856),
    **_rail(2, "VDD_CPU_GPU_CV", 4984, 616),
    **_rail(3, "VDD_SOC", 4992, 480),
    "sys/class/hwmon/hwmon1/in7_label": "sum of shunt voltages\n",
    "sys/class/hwmon/hwmon1/in7_input": "5\n",
    "sys/class/hwmon/hwmon2/name": "nvme\n",
    "sys/class/hwmon/hwmon2/temp1_label": "Composite\n",
    "sys/class/hwmon/hwmon2/temp1_input": "41850\n",
    "sys/class/hwmon/hwmon2/temp1_crit": "84850\n",
    "sys/class/hwmon/hwmon3/name": "soctherm_oc\n",
    **{f"sys/class/hwmon/hwmon3/oc{index}_event_cnt": "0\n" for index in (1, 2, 3)},
    **{f"sys/class/hwmon/hwmon3/oc{index}_throt_en": "1\n" for index in (1, 2, 3)},
    **_policy(0, "0 1 2 3", 1728000, 1728000, 1728000, 1728000, "schedutil"),
    **_policy(4, "4 5", 1728000, 1728000, 1728000, 1728000, "schedutil"),
    "sys/class/devfreq/17000000.gpu/cur_freq": "1020000000\n",
    "sys/class/devfreq/17000000.gpu/min_freq": "1020000000\n",
    "sys/class/devfreq/17000000.gpu/max_freq": "1020000000\n",
    "sys/class/devfreq/17000000.gpu/available_frequencies": "306000000 408000000 510000000 612000000 714000000 "
    "816000000 918000000 1020000000\n",
    "sys/class/devfreq/17000000.gpu/governor": "nvhost_podgov\n",
    "sys/class/devfreq/15340000.vic/cur_freq": "115200000\n",
    "sys/kernel/nvpmodel_clk_cap/emc": "3199000000\n",
    "proc/meminfo": _meminfo(7789952, 5402624, 3894976, 3894976),
    "proc/swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    + "".join(f"/dev/zram{index}                              partition\t649160\t\t0\t\t5\n" for index in range(6)),
    "proc/self/status": _SELF,
    "proc/uptime": "3605.42 20011.80\n",
    "proc/mounts": "/dev/nvme0n1p1 / ext4 rw,relatime 0 0\n",
    "sys/class/video4linux/video0/name": "HD Webcam: USB capture\n",
}

RASPBERRY_PI: dict[str, str] = {
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "48950\n",
    "sys/class/thermal/thermal_zone0/trip_point_0_type": "critical\n",
    "sys/class/thermal/thermal_zone0/trip_point_0_temp": "110000\n",
    "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
    "sys/class/hwmon/hwmon0/temp1_input": "48950\n",
    "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n",
    **_policy(0, "0 1 2 3", 1500000, 1500000, 2400000, 2400000, "ondemand"),
    "proc/meminfo": _meminfo(8245248, 6902144, 102384, 102384),
    "proc/swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/var/swap                               "
    "file\t\t102384\t\t0\t\t-2\n",
    "proc/self/status": _SELF,
    "proc/uptime": "90211.07 355124.40\n",
}

AMD_PC: dict[str, str] = {
    "sys/class/thermal/cooling_device0/type": "Processor\n",
    "sys/class/thermal/cooling_device0/cur_state": "0\n",
    "sys/class/thermal/thermal_zone0/type": "acpitz\n",
    "sys/class/thermal/thermal_zone0/temp": "16800\n",
    "sys/class/hwmon/hwmon0/name": "k10temp\n",
    "sys/class/hwmon/hwmon0/temp1_label": "Tctl\n",
    "sys/class/hwmon/hwmon0/temp1_input": "61875\n",
    "sys/class/hwmon/hwmon0/temp3_label": "Tccd1\n",
    "sys/class/hwmon/hwmon0/temp3_input": "57250\n",
    **_policy(0, "0", 3593124, 2200000, 3600000, 4672070, "schedutil"),
    "sys/class/powercap/intel-rapl:0/name": "package-0\n",
    "sys/class/powercap/intel-rapl:0/max_energy_range_uj": "65532610987\n",
    "sys/class/powercap/intel-rapl:0/energy_uj": "41225806614\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "0\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "0\n",
    "proc/meminfo": _meminfo(32768000, 28000000, 0, 0),
    "proc/swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
    "proc/self/status": _SELF,
    "proc/uptime": "77.10 600.00\n",
}

EMPTY: dict[str, str] = {}
MACHINES = {"Orin Nano": ORIN_NANO, "Raspberry Pi": RASPBERRY_PI, "AMD PC": AMD_PC, "empty": EMPTY}


def write_machine(root: Path, files: dict[str, str]) -> Path:
    """Write a machine's files under `root`."""
    for path, text in files.items():
        _write(root / path, text.encode())
    return root


_SPOILED = (b"", b"-1", b"0", b"9" * 30, b"-256000", b"nan", b"\xd9\xa1", b"0x10", b"1e3", b"pmode:9999", b"\0" * 9)


def spoil_machine(root: Path, files: dict[str, str], random: Random) -> Path:
    """Write a machine whose files hold random bytes, are cut short or flipped, say something absurd, or are whole."""
    for path, text in files.items():
        whole = text.encode()
        flipped = bytearray(whole)
        if flipped:
            flipped[random.randrange(len(flipped))] = random.randrange(256)
        cut = whole[: random.randint(0, len(whole))]
        _write(root / path, random.choice((random.randbytes(40), random.choice(_SPOILED), bytes(flipped), cut, whole)))
    return root


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Writing over a file makes some file systems wait for the disk; a new one does not.
    path.unlink(missing_ok=True)
    path.write_bytes(content)
