from pathlib import Path

import pytest

from edge_nt.bench.estimate_result import Assumptions, PaperDevice
from edge_nt.bench.floor_result import ComputeFloor, FloorRatio, PeakKernel, PrecisionFloor
from edge_nt.errors import InputError
from edge_nt.recipes import default_path
from edge_nt.workbench.device_estimate import estimate_device, paper_estimate, roofline
from edge_nt.workbench.device_table import DeviceTable, read_devices
from edge_nt.workbench.graph_work import LayerWork

# At 1 TOPS (5·10¹¹ multiply-adds a second) and 1 GB/s: 2 ms of arithmetic, then 3 ms of memory in one-byte values.
HEAVY = LayerWork("encoder/heavy", "Conv", 1_000_000_000, 500_000, 0, 500_000)
WIDE = LayerWork("decoder/wide", "Gemm", 1_000_000, 0, 3_000_000, 0)
DEVICE = PaperDevice("paper", 1.0, 0.5, 1.0, "full", ("a document",), "as published")
ASSUMED = Assumptions(10.0, 0.25, 0.5, "for the test")


def test_each_layer_takes_the_longer_of_arithmetic_and_memory() -> None:
    bound = roofline([HEAVY, WIDE], multiply_adds_per_s=5e11, bytes_per_s=1e9, bytes_per_value=1)
    assert bound.total_ms == pytest.approx(2.0 + 3.0)
    assert bound.bandwidth_bound_share == pytest.approx(3.0 / 5.0)


def test_a_device_is_marked_as_an_estimate_with_its_range() -> None:
    estimate = estimate_device([HEAVY, WIDE], DEVICE, ASSUMED, "int8")
    assert estimate.estimate is True
    assert (estimate.roofline_ms, estimate.launch_ms) == pytest.approx((5.0, 0.02))
    assert (estimate.low_ms, estimate.high_ms) == pytest.approx((10.02, 20.02))
    half = estimate_device([HEAVY, WIDE], DEVICE, ASSUMED, "fp16")
    assert half.roofline_ms == pytest.approx(4.0 + 6.0)


def test_the_formula_is_held_against_this_machine() -> None:
    kernel = PeakKernel("torch", "matmul", "1x1x1", 500.0, None)
    precisions = tuple(PrecisionFloor(name, kernel, (kernel,), 2.0, None, None) for name in ("int8", "fp32"))
    ratio = FloorRatio("ours", "settled", "int8", 10.0, 2.0, 5.0)
    floor = ComputeFloor(1_001_000_000, 2, precisions, 1.0, (ratio,))
    result = paper_estimate([HEAVY, WIDE], DeviceTable(ASSUMED, (DEVICE,)), floor)
    assert result.estimate is True
    assert [each.precision for each in result.estimates] == ["int8", "fp16"]
    assert result.calibrations[0].roofline_ms == pytest.approx(5.0)
    assert result.calibrations[0].measured_over_roofline == pytest.approx(2.0)


def test_the_shipped_peaks_agree_with_the_published_architecture() -> None:
    # Dense INT8 operations a cycle of one SM: 2 × 2048 in Orin's Ampere, 2 × 8192 in Thor's Blackwell.
    silicon = {"Nano": 8 * 1.02e9 * 4096, "AGX": 16 * 1.3e9 * 4096, "Thor": 20 * 1.575e9 * 16384}
    devices = read_devices().devices
    assert len(devices) == 3
    for device, (word, operations) in zip(devices, silicon.items(), strict=True):
        assert word in device.name
        assert device.int8_dense_tops == pytest.approx(operations / 1e12, rel=0.02)
        assert device.fp16_dense_tflops == pytest.approx(device.int8_dense_tops / 2, rel=0.04)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("schema_version = 1", "schema_version = 2", "schema_version"),
        ("launch_us", "launch_ms", "launch_ms"),
        ("int8_dense_tops = 33.0", "int8_dense_tops = -33.0", "above zero"),
        ("int8_dense_tops = 33.0", 'int8_dense_tops = "33"', "float"),
        ("efficiency_low = 0.1", "efficiency_low = 0.9", "efficiencies"),
        ("[assumptions]", "[assumption]", "assumption"),
    ],
)
def test_a_wrong_device_file_is_refused_by_name(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = default_path("benchmarks/devices.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "devices.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        read_devices(tmp_path / "devices.toml")
