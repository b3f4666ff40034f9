"""The base install in a bare environment: what a cart has, and nothing more."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import block_bundle
import cv2
import pytest

REPOSITORY = Path(__file__).parent.parent
HELP_LIMIT_S = 0.5


@pytest.fixture(scope="module")
def cart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh environment with the base install of this checkout."""
    folder = tmp_path_factory.mktemp("cart")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "-c", REPOSITORY / "constraints.txt", str(REPOSITORY)], check=True, env=bare())
    return folder / "bin"


def bare() -> dict[str, str]:
    """This process's environment without its import path: the checkout must not be found by accident."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def call(command: list[object], folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(part) for part in command]
    return subprocess.run(words, check=False, cwd=folder, env=bare(), capture_output=True, text=True)


def test_a_bundle_runs(cart: Path, bundle_folder: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "scan.png"), block_bundle.scan(1, 240, 320))
    done = call([cart / "edge-nt", "run", bundle_folder, "scan.png", "--out", "out"], tmp_path)
    assert done.returncode == 0, done.stderr
    line = json.loads((tmp_path / "out" / "results.jsonl").read_text())
    assert line["in_distribution"] == (line["ood_score"] <= line["ood_threshold"])


def test_a_scan_alone_runs_through_the_bundle_in_the_wheel(cart: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "scan.png"), block_bundle.scan(1, 240, 320))
    done = call([cart / "edge-nt", "run", "scan.png", "--backend", "onnxruntime"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the shipped int8-cpu-qat runs (NT, int8)" in done.stderr
    line = json.loads((tmp_path / "edge-nt-results" / "results.jsonl").read_text())
    assert line["verdict"] == "not shown (shipped)"


def test_the_doctor_finds_nothing_wrong_with_a_base_install(cart: Path, bundle_folder: Path, tmp_path: Path) -> None:
    done = call([cart / "edge-nt", "doctor", bundle_folder, "--json", "-"], tmp_path)
    assert done.returncode == 0, done.stderr
    groups = {group["title"]: group["checks"] for group in json.loads(done.stdout)["groups"]}
    packages = {check["name"]: check["status"] for check in groups["Packages"]}
    assert (packages["onnxruntime"], packages["watchfiles"]) == ("ok", "not applicable")
    assert any(check["name"] == "golden vectors, onnxruntime" for check in groups["Bundle"])


def test_verify_and_bench_run(cart: Path, bundle_folder: Path, tmp_path: Path) -> None:
    data = block_bundle.write_scans(tmp_path / "scans", per_hospital=20)
    gates = REPOSITORY / "benchmarks" / "demo_gates.toml"
    verify = [cart / "edge-nt", "verify", bundle_folder, "--reference", bundle_folder]
    command = [*verify, "--data", data, "--gates", gates]
    done = call(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "verify.json").read_text())["passed"] is True
    done = call([cart / "edge-nt", "bench", bundle_folder, "--frames", 3, "--warmup", 1], tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_python_interface_scores_a_frame(cart: Path, bundle_folder: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "scan.png"), block_bundle.scan(1, 240, 320))
    code = f"from edge_nt.runtime import load\nprint(load({str(bundle_folder)!r}).score_file('scan.png').ood_score)"
    done = call([cart / "python", "-c", code], tmp_path)
    assert float(done.stdout) > 0, done.stderr


@pytest.mark.parametrize("name", ["torch", "onnx", "sklearn", "safetensors"])
def test_workstation_libraries_are_absent(cart: Path, tmp_path: Path, name: str) -> None:
    done = call([cart / "python", "-c", f"import {name}"], tmp_path)
    assert done.returncode == 1
    assert f"No module named '{name}'" in done.stderr


def test_help_answers_at_once(cart: Path, tmp_path: Path) -> None:
    times_s = []
    for _ in range(7):
        start = time.perf_counter()
        done = call([cart / "edge-nt", "--help"], tmp_path)
        times_s.append(time.perf_counter() - start)
        assert done.returncode == 0
        assert "run" in done.stdout
    assert statistics.median(times_s) < HELP_LIMIT_S
