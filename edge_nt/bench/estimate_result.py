"""What devices that nobody here has touched would take on paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PaperDevice:
    """Published dense peaks of a device and the documents they stand in; no figure here was measured."""

    name: str
    int8_dense_tops: float
    fp16_dense_tflops: float
    memory_gb_per_s: float
    power_mode: str
    sources: tuple[str, ...]
    derivation: str


@dataclass(frozen=True)
class Assumptions:
    """What an estimate takes for granted: a launch for each kernel, and which share of the roofline kernels reach."""

    launch_us: float
    efficiency_low: float
    efficiency_high: float
    reason: str


@dataclass(frozen=True)
class DeviceEstimate:
    """Encode + decode on a device at a precision. `roofline_ms` is Σ over layers of max(operations / peak,
    bytes / bandwidth): a bound that real kernels stay above; `launch_ms` adds one launch a kernel.

    `low_ms` … `high_ms` is the range: roofline over the assumed efficiencies, plus launches.
    """

    device: str
    precision: Literal["int8", "fp16"]
    roofline_ms: float
    bandwidth_bound_share: float
    launch_ms: float
    low_ms: float
    high_ms: float
    estimate: Literal[True] = True


@dataclass(frozen=True)
class Calibration:
    """The same formula on this machine with its measured peaks, against what a variant really took here."""

    variant: str
    precision: str
    roofline_ms: float
    measured_ms: float
    measured_over_roofline: float


@dataclass(frozen=True)
class PaperEstimate:
    """Estimates for devices from published figures, marked as such, with the formula's record on this machine."""

    devices: tuple[PaperDevice, ...]
    assumptions: Assumptions
    estimates: tuple[DeviceEstimate, ...]
    calibrations: tuple[Calibration, ...]
    estimate: Literal[True] = True
