"""Published figures of devices, as `benchmarks/devices.toml` holds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge_nt.bench.estimate_result import Assumptions, PaperDevice
from edge_nt.errors import InputError
from edge_nt.recipes import default_path, read_toml

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class DeviceTable:
    """The devices to estimate for, and what their estimates take for granted."""

    assumptions: Assumptions
    devices: tuple[PaperDevice, ...]


def read_devices(path: Path | None = None) -> DeviceTable:
    """Read a device file; None reads the shipped `benchmarks/devices.toml`.

    Raises: InputError for a missing, unknown or mistyped setting, a figure that is not above zero, efficiencies that
    are not 0 < low ≤ high ≤ 1, or a device without a source.
    """
    path = path or default_path("benchmarks/devices.toml")
    content = read_toml(path)
    try:
        table = _table(content)
    except (KeyError, TypeError, ValueError) as error:
        raise _refused(path, str(error)) from error
    assumed = table.assumptions
    if not (assumed.launch_us >= 0 and 0 < assumed.efficiency_low <= assumed.efficiency_high <= 1):
        raise _refused(path, f"launches of {assumed.launch_us} µs, efficiencies from {assumed.efficiency_low} up")
    for device in table.devices:
        if min(device.int8_dense_tops, device.fp16_dense_tflops, device.memory_gb_per_s) <= 0 or not device.sources:
            raise _refused(path, f"{device.name} without a peak above zero or without a source")
    return table


def _table(content: dict[str, Any]) -> DeviceTable:
    """Raises: KeyError, TypeError or ValueError (msgspec's errors are) naming what is wrong."""
    unknown = set(content) - {"schema_version", "assumptions", "device"}
    if content["schema_version"] != SCHEMA_VERSION or unknown:
        raise ValueError(
            f"schema_version {content['schema_version']!r} and {', '.join(sorted(unknown)) or 'no'} extras"
        )
    # Built by name first: a setting that the dataclass does not know is an error, not a remark.
    return DeviceTable(
        msgspec.convert(vars(Assumptions(**content["assumptions"])), Assumptions),
        tuple(msgspec.convert(vars(PaperDevice(**device)), PaperDevice) for device in content["device"]),
    )


def _refused(path: Path, got: str) -> InputError:
    return InputError(
        expected=f"a device file of schema_version {SCHEMA_VERSION} with published figures above zero",
        got=f"{got} in {path}",
        fix="start from the benchmarks/devices.toml of this edge-nt version",
    )
