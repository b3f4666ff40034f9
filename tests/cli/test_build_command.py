"""`edge-nt build` and `edge-nt doctor --self-test`, on a GPU in memory and on none."""

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import block_bundle
import cv2
import pytest
from in_memory_device import InMemoryDevice

from edge_nt.cli.app import main


def output(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What was printed and what was complained, each on one line."""
    captured = capsys.readouterr()
    return " ".join(captured.out.split()), " ".join(captured.err.split())


def _has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@pytest.mark.skipif(_has_driver(), reason="this machine has NVIDIA's driver")
@pytest.mark.parametrize("words", [["build"], ["doctor", "--self-test"], ["run", "--backend", "tensorrt"]])
def test_without_a_gpu_one_line_says_so(
    words: list[str], bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "scan.png"), block_bundle.scan(1))
    extra = [str(tmp_path / "scan.png"), "--out", str(tmp_path / "out")] if words[0] == "run" else []
    assert main([*words, str(bundle_folder), *extra]) == 3
    printed, complaint = capsys.readouterr()
    assert printed == ""
    assert complaint == (
        "edge-nt: Expected an NVIDIA GPU and its driver. Got no driver library libcuda.so.1. Fix: install NVIDIA's "
        "driver (on a Jetson: JetPack), or run bundles with another --backend.\n"
    )
    assert not (bundle_folder / "engines").exists()


def test_a_bundle_is_built_then_run(
    cart_gpu: InMemoryDevice, bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", str(bundle_folder)]) == 0
    printed, _ = output(capsys)
    assert "TensorRT 10.3.0 on In-memory GPU, compute capability 8.7" in printed
    assert printed.count("built now") == 2
    assert "Launches, encode + decode: " in printed
    assert main(["build", str(bundle_folder)]) == 0
    assert output(capsys)[0].count("kept") == 2
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), block_bundle.scan(index))
    files = [str(tmp_path / f"{index}.png") for index in range(3)]
    command = [
        "run",
        str(bundle_folder),
        *files,
        "--out",
        str(tmp_path / "out"),
        "--backend",
        "tensorrt",
        "--jobs",
        "2",
    ]
    assert main(command) == 0
    assert "Backend: tensorrt (" in output(capsys)[0]
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [line["backend"] for line in lines] == ["tensorrt"] * 3
    assert cart_gpu.gpu.launches > 0


def test_engines_of_another_tensorrt_end_a_run_with_the_reason(
    cart_gpu: InMemoryDevice, bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", str(bundle_folder)]) == 0
    cart_gpu.become(tensorrt="10.16.1.11")
    (folder,) = (bundle_folder / "engines").iterdir()
    folder.rename(folder.with_name("sm87-10.16.1.11"))
    cv2.imwrite(str(tmp_path / "scan.png"), block_bundle.scan(1))
    output(capsys)
    command = ["run", str(bundle_folder), str(tmp_path / "scan.png"), "--out", str(tmp_path / "out")]
    assert main([*command, "--backend", "tensorrt"]) == 2
    complaint = output(capsys)[1]
    assert "Got built with tensorrt 10.3.0, here 10.16.1.11" in complaint
    assert "run `edge-nt build` again" in complaint
    # The fix that the line names works, and says what it replaced.
    assert main(["build", str(bundle_folder)]) == 0
    assert "Replaced: encoder: built with tensorrt 10.3.0, here 10.16.1.11" in output(capsys)[0]
    assert main([*command, "--backend", "tensorrt"]) == 0


def test_a_folder_elsewhere_is_named_for_those_who_look(
    cart_gpu: InMemoryDevice,
    bundle_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(["build", str(bundle_folder), "--out", str(tmp_path / "plans")]) == 0
    assert f"Set EDGE_NT_ENGINES={tmp_path / 'plans'}" in output(capsys)[0]
    monkeypatch.setenv("EDGE_NT_ENGINES", str(tmp_path / "plans"))
    assert main(["build", str(bundle_folder)]) == 0
    assert output(capsys)[0].count("kept") == 2


def test_a_bundle_for_cpus_is_refused_with_or_without_a_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = block_bundle.write(tmp_path / "cpu", "int8", target="cpu")
    assert main(["build", str(folder)]) == 2
    assert "target cpu" in output(capsys)[1]


def test_engines_without_pycuda_are_built_and_not_measured(
    cart_gpu: InMemoryDevice, bundle_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cart_gpu.become(package=None)
    assert main(["build", str(bundle_folder)]) == 0
    assert "Launches and golden vectors: not checked: " in output(capsys)[0]


def test_engines_that_compute_something_else_fail_the_build(
    cart_gpu: InMemoryDevice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", str(block_bundle.write(tmp_path / "spoiled", golden_shift=0.1))]) == 1
    assert "golden vectors" in output(capsys)[1]


def test_what_a_weak_build_was_needed_for_is_printed(
    cart_gpu: InMemoryDevice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cart_gpu.refusals.typed_build = "no implementation obeys the types"
    assert main(["build", str(block_bundle.write(tmp_path / "int8", "int8"))]) == 0
    assert "encoder: weakly typed, since the typed build was refused" in output(capsys)[0]


def test_the_self_test_writes_what_it_saw(
    cart_gpu: InMemoryDevice, bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.json"
    assert main(["doctor", "--self-test", str(bundle_folder), "--out", str(out)]) == 0
    report = json.loads(out.read_text())
    assert (report["kind"], report["device_package"]) == ("edge-nt self-test", "pycuda")
    assert len(report["launches"]["trials"]) == 4
    assert all(check["passed"] for check in report["checks"])


def test_a_failed_self_test_is_a_failed_gate(
    cart_gpu: InMemoryDevice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = block_bundle.write(tmp_path / "spoiled", golden_shift=0.1)
    assert main(["doctor", "--self-test", str(folder), "--out", str(tmp_path / "report.json")]) == 1
    assert "golden vectors: Expected golden vectors of" in output(capsys)[1]
    assert (tmp_path / "report.json").exists()


def test_neither_command_loads_tensorrt_or_pycuda_before_it_must(bundle_folder: Path) -> None:
    code = (
        "import sys; from edge_nt.cli.app import main; main(['build', sys.argv[1]]); import edge_nt.runtime\n"
        "print([name for name in ('tensorrt', 'pycuda', 'cuda') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(bundle_folder)], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
