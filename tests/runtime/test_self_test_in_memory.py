"""The self-test of TensorRT on a GPU in memory: it passes on one that works, and finds each that does not."""

from pathlib import Path

import block_bundle
import pytest
from built_bundle import built
from in_memory_device import InMemoryDevice

from edge_nt.bundle.read import Bundle, read_bundle
from edge_nt.engines.cuda_driver import CudaError
from edge_nt.errors import GateFailedError
from edge_nt.runtime import self_test
from edge_nt.runtime.golden import shipped_tolerances
from edge_nt.runtime.launch_measure import measure_launches
from edge_nt.runtime.self_test import run_self_test


def test_the_self_test_passes_on_a_device_that_does_what_it_should(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    report = run_self_test(bundle, shipped_tolerances(), workspace_mb=64, on_build=lambda *_step: None)
    assert [(check.name, check.passed) for check in report.checks] == [
        (name, True)
        for name in (
            "build",
            "launches",
            "golden vectors",
            "against onnxruntime",
            "equal results",
            "two threads",
            "device memory",
        )
    ]
    assert report.launches is not None


def test_the_self_test_finds_wrong_results(cart_gpu: InMemoryDevice, tmp_path: Path) -> None:
    bundle = built(block_bundle.write(tmp_path / "spoiled", golden_shift=0.1))
    report = run_self_test(bundle, shipped_tolerances(), workspace_mb=64, on_build=lambda *_step: None)
    assert {check.name for check in report.checks if not check.passed} == {"golden vectors", "launches"}
    assert not report.passed
    with pytest.raises(GateFailedError):
        measure_launches(bundle, shipped_tolerances())


def test_a_build_that_fails_is_a_failed_check_and_so_are_those_after_it(
    cart_gpu: InMemoryDevice, bundle_folder: Path
) -> None:
    cart_gpu.refusals.build = "no kernel for this layer"
    report = run_self_test(
        read_bundle(bundle_folder), shipped_tolerances(), workspace_mb=64, on_build=lambda *_step: None
    )
    assert [check.passed for check in report.checks] == [False] * 7
    assert "no kernel for this layer" in report.checks[0].seen


def test_a_gpu_that_fails_under_the_memory_check_fails_that_check(
    cart_gpu: InMemoryDevice, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        raise CudaError("cuMemGetInfo_v2: an illegal memory access was encountered")

    monkeypatch.setattr(self_test, "free_memory_bytes", broken)
    report = run_self_test(bundle, shipped_tolerances(), workspace_mb=64, on_build=lambda *_step: None)
    assert [check.name for check in report.checks if not check.passed] == ["device memory"]


def test_the_self_test_finds_a_device_that_fails_between_frames(
    cart_gpu: InMemoryDevice, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart_gpu.refusals.enqueue = "no luck"
    report = run_self_test(bundle, shipped_tolerances(), workspace_mb=64, on_build=lambda *_step: None)
    assert [check.passed for check in report.checks] == [True] + [False] * 6
    assert report.launches is None
