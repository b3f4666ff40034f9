"""TensorRT among the backends that `auto` measures, on a GPU in memory."""

import json
from pathlib import Path

import pytest
from in_memory_device import InMemoryDevice

from edge_nt.bundle.read import Bundle
from edge_nt.runtime.backend_choice import choose_backend
from edge_nt.runtime.backends import installed_backends
from edge_nt.runtime.golden import shipped_tolerances
from edge_nt.runtime.launch_measure import measure_launches


def test_auto_tries_again_once_what_tensorrt_lacked_is_there(
    cart_gpu: InMemoryDevice, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "cache"))
    cart_gpu.become(package=None)
    assert "tensorrt refused: expected the package pycuda" in str(choose_backend(bundle, "auto")[0])
    assert choose_backend(bundle, "auto")[0].origin == "stored"
    cart_gpu.become(package="pycuda")
    choice = choose_backend(bundle, "auto")[0]
    assert "refused" not in str(choice)
    assert choice.origin == "measured now, stored"


def test_auto_measures_tensorrt_like_the_others(
    cart_gpu: InMemoryDevice, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "cache"))
    choice, _ = choose_backend(bundle, "auto")
    assert {trial.backend for trial in choice.trials} == {*installed_backends(), "tensorrt"}
    assert all(trial.p50_ms for trial in choice.trials)
    assert choose_backend(bundle, "auto")[0].origin == "stored"
    measure_launches(bundle, shipped_tolerances())
    assert choose_backend(bundle, "auto")[0].origin == "measured now, stored"
    choice, session = choose_backend(bundle, "tensorrt")
    assert str(choice) == f"tensorrt ({session.said}; as asked)"


def test_auto_says_why_engines_do_not_run_and_takes_another(
    cart_gpu: InMemoryDevice, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "cache"))
    cart_gpu.become(tensorrt="11.4.0.106")
    choice, session = choose_backend(bundle, "auto")
    assert session.backend in ("onnxruntime", "openvino")
    assert "tensorrt refused: expected engines for sm87-11.4.0.106" in str(choice)


@pytest.mark.parametrize("change", ["no GPU", "another TensorRT"])
def test_auto_measures_again_when_the_stored_engines_do_not_run_any_more(
    cart_gpu: InMemoryDevice, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "cache"))
    choose_backend(bundle, "auto")
    path = tmp_path / "cache" / "backends.json"
    content = json.loads(path.read_text())
    (trials,) = content["choices"].values()
    for trial in trials:
        trial["p50_ms"] = 0.001 if trial["backend"] == "tensorrt" else trial["p50_ms"]
    path.write_text(json.dumps(content))
    assert choose_backend(bundle, "auto")[0].backend == "tensorrt"
    if change == "no GPU":
        cart_gpu.gpu.devices = 0
    else:
        cart_gpu.become(tensorrt="10.16.1.11")
    choice, session = choose_backend(bundle, "auto")
    assert session.backend in ("onnxruntime", "openvino")
    assert "tensorrt refused" in str(choice)
