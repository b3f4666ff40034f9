"""What the doctor says of bundles: whole, damaged, unjudged, for another engine, with plans that fit or do not."""

from pathlib import Path

import block_bundle
import cv2
import pytest
from in_memory_device import InMemoryDevice
from left_verdict import leave

from edge_nt.cli.app import main
from edge_nt.engines import cuda_driver
from edge_nt.health import gpu, service
from edge_nt.health.bundle import check_bundle
from edge_nt.health.check import Check
from edge_nt.health.scope import Scope


def found(folder: Path) -> dict[str, Check]:
    return {check.name: check for check in check_bundle(Scope(folder))}


def test_a_whole_reference_repeats_its_golden_vectors_on_each_engine(bundle_folder: Path) -> None:
    checks = found(bundle_folder)
    assert checks["bundle"].seen.startswith("fp32, target any, schema ")
    assert checks["golden vectors, onnxruntime"].status == "ok"
    assert checks["golden vectors, onnxruntime"].seen.startswith("repeated: latent ")
    assert checks["verdict"].seen.startswith("reference: ")
    assert not [check for check in checks.values() if check.status in ("warn", "fail")]


def test_a_changed_byte_is_a_damaged_bundle(bundle_folder: Path) -> None:
    with (bundle_folder / "decoder.onnx").open("ab") as file:
        file.write(b"\0")
    (check,) = check_bundle(Scope(bundle_folder))
    assert (check.name, check.status) == ("bundle", "fail")
    assert "copy the bundle again" in check.fix
    (missing,) = check_bundle(Scope(bundle_folder / "nowhere"))
    assert missing.status == "fail"


def test_golden_vectors_that_no_engine_repeats_fail(tmp_path: Path) -> None:
    checks = found(block_bundle.write(tmp_path / "spoiled", golden_shift=0.1))
    golden = [check for name, check in checks.items() if name.startswith("golden")]
    assert golden
    assert {check.status for check in golden} == {"fail"}


def test_a_bundle_without_a_verdict_would_be_refused(tmp_path: Path) -> None:
    check = found(block_bundle.write(tmp_path / "int8", "int8"))["verdict"]
    assert check.status == "fail"
    assert "edge-nt verify" in check.fix


@pytest.mark.parametrize(("fastest", "status"), [("onnxruntime", "warn"), ("openvino", "fail")])
def test_a_verdict_is_that_of_the_engine_that_would_run(
    tmp_path: Path, fastest: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        "edge_nt.runtime.backend_choice._medians_ms",
        lambda _bundle, sessions: {backend: 1.0 if backend == fastest else 2.0 for backend in sessions},
    )
    folder = leave(block_bundle.write(tmp_path / "int8", "int8"), "onnxruntime", "passed")
    check = found(leave(folder, "openvino", "failed", short="FAIL"))["verdict"]
    assert check.status == status
    assert "name one that passed as --backend" in check.fix
    cv2.imwrite(str(tmp_path / "in.png"), block_bundle.scan(1, 240, 320))
    code = main(["run", str(folder), str(tmp_path / "in.png"), "--out", str(tmp_path / "out")])
    assert code == (1 if status == "fail" else 0)


def test_a_gpu_wants_its_plans(cart_gpu: InMemoryDevice, bundle_folder: Path) -> None:
    assert found(bundle_folder)["TensorRT plans"].status == "warn"
    assert main(["build", str(bundle_folder)]) == 0
    checks = found(bundle_folder)
    assert checks["TensorRT plans"].seen == "both fit this machine and bundle (sm87-10.3.0)"
    assert checks["golden vectors, tensorrt"].status == "ok"
    cart_gpu.become(tensorrt="10.16.1.11")
    (folder,) = (bundle_folder / "engines").iterdir()
    folder.rename(folder.with_name("sm87-10.16.1.11"))
    stale = found(bundle_folder)
    assert "built with tensorrt 10.3.0, here 10.16.1.11" in stale["TensorRT plans"].seen
    # The other engines run it still.
    assert stale["golden vectors, tensorrt"].status == "warn"


def test_a_bundle_for_cpus_leaves_the_gpu_idle(cart_gpu: InMemoryDevice, tmp_path: Path) -> None:
    check = found(block_bundle.write(tmp_path / "cpu", "int8", target="cpu"))["target"]
    assert (check.status, check.seen) == ("warn", "cpu: the GPU stays idle")


def test_a_bundle_for_tensorrt_on_a_processor_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_driver, "_LIBRARY", "libcuda-that-nobody-has.so.1")
    folder = block_bundle.write(tmp_path / "int8", "int8", target="tensorrt")
    assert found(folder)["target"].status == "warn"


def test_tensorrts_version_is_held_against_the_range_that_is_known(cart_gpu: InMemoryDevice, tmp_path: Path) -> None:
    stands = {}
    for version in ("8.6.2", "10.3.0", "11.4.1", "11.5.0"):
        cart_gpu.become(tensorrt=version)
        stands[version] = {check.name: check.status for check in gpu.check_gpu(Scope(root=tmp_path))}["TensorRT"]
    assert stands == {"8.6.2": "fail", "10.3.0": "ok", "11.4.1": "ok", "11.5.0": "warn"}
    cart_gpu.become(tensorrt=None, package=None)
    checks = {check.name: check for check in gpu.check_gpu(Scope(root=tmp_path))}
    assert checks["CUDA driver"].seen.startswith("In-memory GPU, compute capability 8.7")
    assert (checks["TensorRT"].status, checks["CUDA package"].status) == ("warn", "warn")
    assert "--system-site-packages" in checks["TensorRT"].fix


def test_a_unit_is_judged_by_what_systemctl_says() -> None:
    def status(**told: str) -> str:
        return service.judge_unit("unit edge-nt", "edge-nt", told).status

    assert status(ActiveState="active", SubState="running", NRestarts="0") == "ok"
    assert status(ActiveState="active", SubState="running", NRestarts="4") == "warn"
    assert status(ActiveState="inactive", SubState="dead") == "warn"
    # Started, ended, and started again every five seconds; the other is on its way.
    told = {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code", "NRestarts": "812"}
    ends = service.judge_unit("unit edge-nt", "edge-nt", told)
    assert (ends.status, ends.fix) == ("fail", "journalctl -u edge-nt -n 50")
    assert status(ActiveState="activating", SubState="start", NRestarts="0") == "warn"
    assert status(ActiveState="failed", SubState="failed", Result="oom-kill") == "fail"
    assert status() == "not applicable"
