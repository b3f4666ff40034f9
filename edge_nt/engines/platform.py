"""What a plan depends on besides its graph: the GPU, TensorRT, and the system below them."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

from edge_nt.engines.cuda_driver import device_facts
from edge_nt.engines.tensorrt_package import require_tensorrt
from edge_nt.sensors.board import l4t_release

_L4T_FILE = Path("/etc/nv_tegra_release")
_DRIVER_FILE = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class EnginePlatform:
    """Where plans are built and run; a plan fits one of these and no other.

    `cuda` is the newest CUDA that the driver runs. `driver` and `l4t` (the Jetson's system release, such as
    ``R36.4.3``) are None where the machine does not say.
    """

    tensorrt: str
    compute_capability: str
    device: str
    cuda: str
    driver: str | None
    l4t: str | None

    @property
    def tag(self) -> str:
        """The name of the folder for its plans, such as ``sm87-10.3.0``."""
        return f"sm{self.compute_capability.replace('.', '')}-{self.tensorrt}"

    def differences(self, built_on: EnginePlatform) -> tuple[str, ...]:
        """What differs from the platform that a plan was built on, in words; empty when the plan fits."""
        pairs = ((each.name, getattr(built_on, each.name), getattr(self, each.name)) for each in fields(self))
        return tuple(f"{name} {before}, here {here}" for name, before, here in pairs if before != here)


def this_platform() -> EnginePlatform:
    """The platform of this machine. Raises: MissingDependencyError without a driver, a GPU or TensorRT."""
    tensorrt, facts = require_tensorrt(), device_facts()
    return EnginePlatform(
        tensorrt, facts.compute_capability, facts.name, facts.cuda, _driver_version(), l4t_release(_text(_L4T_FILE))
    )


def _driver_version() -> str | None:
    # ``NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  …``; the open module says more words before it.
    found = re.search(r"NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s", _text(_DRIVER_FILE))
    return found[1] if found else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
