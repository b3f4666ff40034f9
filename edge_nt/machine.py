"""What machine a figure was measured on, without naming whose it is."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Machine:
    """Hardware and software of this machine; never its host name or user.

    `usable_cores` is how many of `cores` this process may run on. `load_1_min` is the load average at the start: a
    figure taken on a busy machine says so. `openvino` is None where it is not installed. `threads` is the number asked
    for, or None for the runtime's default.
    """

    cpu: str
    architecture: str
    cores: int
    usable_cores: int
    load_1_min: float | None
    os: str
    python: str
    onnxruntime: str
    openvino: str | None
    numpy: str
    opencv: str
    threads: int | None


def describe_machine(threads: int | None = None) -> Machine:
    """The machine that this process runs on."""
    return Machine(
        cpu=_cpu_model(),
        architecture=platform.machine(),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        load_1_min=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        os=f"{platform.system()} {_kernel_version()}",
        python=platform.python_version(),
        onnxruntime=_version("onnxruntime", "onnxruntime-gpu") or _UNKNOWN,
        openvino=_version("openvino"),
        numpy=_version("numpy") or _UNKNOWN,
        opencv=_version("opencv-python-headless", "opencv-python", "opencv-contrib-python") or _UNKNOWN,
        threads=threads,
    )


def usable_cores() -> int:
    """How many cores the operating system lets this process run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _kernel_version() -> str:
    # The digits alone: what follows them is often the name that somebody gave to his own build.
    digits = re.match(r"[0-9.]+", platform.release())
    return digits.group().rstrip(".") if digits else _UNKNOWN


def _cpu_model() -> str:
    # x86 names the processor in cpuinfo; Arm boards name themselves in the device tree.
    for line in _text(Path("/proc/cpuinfo")).splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return value.strip()
    board = _text(Path("/proc/device-tree/model")).strip("\0\n ")
    return board or platform.processor() or _UNKNOWN


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _version(*names: str) -> str | None:
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
