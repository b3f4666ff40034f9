"""What a frame would take on a device that nobody here has touched: a roofline over the graphs' layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_nt.bench.estimate_result import Assumptions, Calibration, DeviceEstimate, PaperDevice, PaperEstimate
from edge_nt.bench.floor_result import ComputeFloor, FloorPrecision
from edge_nt.workbench.device_table import DeviceTable
from edge_nt.workbench.graph_work import LayerWork

_BYTES: dict[str, int] = {"int8": 1, "fp16": 2, "bf16": 2, "fp32": 4}


@dataclass(frozen=True)
class Roofline:
    """Time of the layers one after another, and the share of it in which memory, not arithmetic, sets the pace."""

    total_ms: float
    bandwidth_bound_share: float


def roofline(
    work: Sequence[LayerWork], *, multiply_adds_per_s: float, bytes_per_s: float, bytes_per_value: int
) -> Roofline:
    """Σ over layers of max(multiply-adds / peak, bytes / bandwidth), every tensor travelling to or from memory once.

    A cache that holds a tensor beats it; nothing else does.
    """
    arithmetic_s = [layer.multiply_adds / multiply_adds_per_s for layer in work]
    memory_s = [layer.values_moved * bytes_per_value / bytes_per_s for layer in work]
    total_s = sum(map(max, arithmetic_s, memory_s))
    waiting_s = sum(moving for computing, moving in zip(arithmetic_s, memory_s, strict=True) if moving > computing)
    return Roofline(total_s * 1e3, waiting_s / total_s)


def paper_estimate(work: Sequence[LayerWork], table: DeviceTable, floor: ComputeFloor) -> PaperEstimate:
    """Estimates for every device at INT8 and FP16, and the formula's record on the variants measured in `floor`."""
    return PaperEstimate(
        devices=table.devices,
        assumptions=table.assumptions,
        estimates=tuple(
            estimate_device(work, device, table.assumptions, precision)
            for device in table.devices
            for precision in ("int8", "fp16")
        ),
        calibrations=_calibrations(work, floor),
    )


def estimate_device(
    work: Sequence[LayerWork], device: PaperDevice, assumptions: Assumptions, precision: Literal["int8", "fp16"]
) -> DeviceEstimate:
    """One device at one precision; a peak of 1 TOPS is 5·10¹¹ multiply-adds a second, two operations each."""
    peak = device.int8_dense_tops if precision == "int8" else device.fp16_dense_tflops
    bound = roofline(
        work,
        multiply_adds_per_s=peak * 1e12 / 2,
        bytes_per_s=device.memory_gb_per_s * 1e9,
        bytes_per_value=_BYTES[precision],
    )
    launch_ms = len(work) * assumptions.launch_us / 1e3
    return DeviceEstimate(
        device=device.name,
        precision=precision,
        roofline_ms=bound.total_ms,
        bandwidth_bound_share=bound.bandwidth_bound_share,
        launch_ms=launch_ms,
        low_ms=bound.total_ms / assumptions.efficiency_high + launch_ms,
        high_ms=bound.total_ms / assumptions.efficiency_low + launch_ms,
    )


def _calibrations(work: Sequence[LayerWork], floor: ComputeFloor) -> tuple[Calibration, ...]:
    bounds: dict[FloorPrecision, float] = {}
    for each in floor.precisions:
        peak = each.fastest.giga_multiply_adds_per_s
        if peak is not None:
            bounds[each.precision] = roofline(
                work,
                multiply_adds_per_s=peak * 1e9,
                bytes_per_s=floor.memory_gb_per_s * 1e9,
                bytes_per_value=_BYTES[each.precision],
            ).total_ms
    return tuple(
        Calibration(
            variant=ratio.variant,
            precision=ratio.precision,
            roofline_ms=bounds[ratio.precision],
            measured_ms=ratio.encode_decode_ms,
            measured_over_roofline=ratio.encode_decode_ms / bounds[ratio.precision],
        )
        for ratio in floor.ratios
        if ratio.mode == "settled"
    )
