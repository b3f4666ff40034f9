"""The base install as a cart without internet makes it: a bare environment, from the wheels of `make wheels` alone."""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import block_bundle
import cv2
import pytest

REPOSITORY = Path(__file__).parent.parent
HELP_LIMIT_S = 0.5


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `make wheels` for this machine."""
    library, version = platform.libc_ver()
    if library != "glibc":
        pytest.skip("wheels are made for the GNU C library")
    folder = tmp_path_factory.mktemp("wheels") / "cart"
    # READY would make an environment; this one has what it takes.
    here = {"READY": "", "BIN": Path(sys.executable).parent, "CART_PYTHON": "{}.{}".format(*sys.version_info)}
    here |= {"CART_MACHINE": platform.machine(), "CART_GLIBC": version.split(".")[1], "CART_EXTRAS": ""}
    words = [f"{name}={value}" for name, value in {**here, "WHEELS": folder}.items()]
    subprocess.run(["make", "wheels", *words], cwd=REPOSITORY, env=bare(), check=True)
    return folder


@pytest.fixture(scope="module")
def cart(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh environment with the base install."""
    folder = environment(tmp_path_factory.mktemp("cart"))
    done = offline_install(folder, wheels)
    assert done.returncode == 0, done.stderr
    return folder


def environment(folder: Path) -> Path:
    """The bin folder of an environment of Python and pip."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / "bin"


def offline_install(bin_folder: Path, wheels: Path) -> subprocess.CompletedProcess[str]:
    """docs/offline.md's command, where no address answers."""
    command = [bin_folder / "pip", "install", "--no-index", "--find-links", wheels, "--require-hashes", "--quiet"]
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "PIP_CONFIG_FILE": os.devnull}
    words = [str(word) for word in (*command, "-r", wheels / "requirements.txt")]
    own = {name: value for name, value in bare().items() if not name.startswith("PIP_")}
    return subprocess.run(words, env=own | nowhere, capture_output=True, text=True, check=False)


def bare() -> dict[str, str]:
    """This process's environment without its import path: the checkout must not be found by accident."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MAKE"))}


def call(command: list[object], folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(part) for part in command]
    return subprocess.run(words, check=False, cwd=folder, env=bare(), capture_output=True, text=True)


def test_a_folder_of_something_else_is_not_replaced_by_wheels(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("of another project")
    words = ["make", "wheels", "READY=", f"BIN={Path(sys.executable).parent}", f"WHEELS={tmp_path}"]
    done = subprocess.run(words, cwd=REPOSITORY, env=bare(), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Fix: name another WHEELS=FOLDER" in done.stderr
    assert (tmp_path / "requirements.txt").read_text() == "of another project"


def test_a_wheel_that_changed_on_its_way_is_refused(wheels: Path, tmp_path: Path) -> None:
    there = Path(shutil.copytree(wheels, tmp_path / "wheels"))
    own = next(there.glob("edge_nt-*.whl"))
    with zipfile.ZipFile(own, "a") as archive:
        archive.writestr("edge_nt/added.py", "")
    done = offline_install(environment(tmp_path / "cart"), there)
    assert done.returncode != 0
    assert "HASH" in done.stderr
    assert not list((tmp_path / "cart").rglob("edge_nt"))


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
