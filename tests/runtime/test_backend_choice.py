import json
from pathlib import Path

import block_bundle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.errors import GateFailedError, InputError
from edge_nt.runtime import backend_choice as room
from edge_nt.runtime import load
from edge_nt.runtime.backends import BACKENDS, open_session


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that choices of this test are stored in."""
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "backends.json"


def test_the_faster_one_is_measured_once_and_remembered(bundle_folder: Path, cache: Path) -> None:
    first = load(bundle_folder)
    second = load(bundle_folder)
    assert first.choice is not None
    assert second.choice is not None
    assert (first.choice.origin, second.choice.origin) == ("measured now, stored", "stored")
    assert first.choice.trials == second.choice.trials
    p50_ms = {trial.backend: trial.p50_ms for trial in first.choice.trials}
    assert set(p50_ms) == {"onnxruntime", "openvino"}
    assert first.choice.backend == first.session.backend == second.session.backend == min(p50_ms, key=p50_ms.get)
    assert " ms against " in str(first.choice)
    assert str(second.choice).endswith("; stored)")


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_named_backend_runs_without_a_measurement(bundle_folder: Path, cache: Path, backend: str) -> None:
    reconstructor = load(bundle_folder, backend=backend)
    assert reconstructor.session.backend == backend
    assert str(reconstructor.choice) == f"{backend} (as asked)"
    assert not cache.exists()


def test_the_only_one_installed_runs_without_a_measurement(
    bundle_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "candidate_backends", lambda _bundle: ("onnxruntime",))
    assert str(load(bundle_folder).choice) == "onnxruntime (the only one installed)"
    assert not cache.exists()


def test_an_unknown_name_is_refused_with_those_there_are(bundle_folder: Path) -> None:
    with pytest.raises(InputError, match="auto, onnxruntime, openvino, openvino-bf16, tensorrt"):
        load(bundle_folder, backend="tflite")
    assert "auto" not in BACKENDS


def test_a_backend_that_computes_something_else_is_refused_however_fast(
    bundle_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Saturated:
        """OpenVINO on a processor whose sums overflow: a real session whose latents are spoiled."""

        backend = "openvino"

        def __init__(self, *arguments: object) -> None:
            self.session = open_session(*arguments)

        def encode(self, images: np.ndarray) -> np.ndarray:
            return np.minimum(self.session.encode(images), 0.3)

        def decode(self, latents: np.ndarray) -> np.ndarray:
            return self.session.decode(latents)

    opened = {"onnxruntime": open_session, "openvino": Saturated}
    monkeypatch.setattr(room, "open_session", lambda bundle, name, threads: opened[name](bundle, name, threads))
    first, second = load(bundle_folder), load(bundle_folder)
    for each in (first, second):
        assert each.session.backend == "onnxruntime"
        assert "openvino refused: expected golden vectors" in str(each.choice)


def test_a_bundle_that_no_backend_repeats_is_refused(tmp_path: Path, cache: Path) -> None:
    spoiled = block_bundle.write(tmp_path / "spoiled", golden_shift=1 / 255)
    with pytest.raises(GateFailedError, match=r"onnxruntime: .*openvino: "):
        load(spoiled)
    assert not cache.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda trial: trial | {"p50_ms": float("nan")},
        lambda trial: trial | {"p50_ms": float("inf")},
        lambda trial: trial | {"p50_ms": -1.0},
        lambda trial: trial | {"p50_ms": None},
        lambda trial: trial | {"refused": "both"},
        lambda trial: trial | {"p50_ms": None, "refused": "\x1b[2J"},
        lambda trial: trial | {"backend": "openvino-bf16"},
        lambda trial: trial | {"more": 1},
    ],
)
def test_a_stored_choice_that_cannot_be_believed_is_measured_again(bundle_folder: Path, cache: Path, change) -> None:
    load(bundle_folder)
    content = json.loads(cache.read_text())
    (key,) = content["choices"]
    content["choices"][key] = [change(trial) for trial in content["choices"][key]]
    cache.write_text(json.dumps(content))
    assert load(bundle_folder).choice.origin == "measured now, stored"
    assert load(bundle_folder).choice.origin == "stored"


@given(st.binary(max_size=60))
def test_any_bytes_in_the_file_cost_only_a_measurement(tmp_path_factory: pytest.TempPathFactory, content) -> None:
    from edge_nt.runtime.choice_store import read_trials

    folder = tmp_path_factory.mktemp("hostile")
    (folder / "backends.json").write_bytes(content)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("EDGE_NT_CACHE", str(folder))
        assert read_trials("k", ("onnxruntime", "openvino")) is None


def test_a_folder_that_cannot_be_written_is_said_not_raised(bundle_folder: Path, cache: Path) -> None:
    cache.parent.write_text("a file where the folder should be")
    assert load(bundle_folder).choice.origin == "measured now, not stored"


def test_another_number_of_threads_is_another_measurement(bundle_folder: Path, cache: Path) -> None:
    assert load(bundle_folder).choice.origin == "measured now, stored"
    assert load(bundle_folder, threads=1).choice.origin == "measured now, stored"
    assert len(json.loads(cache.read_text())["choices"]) == 2


def test_the_only_one_installed_must_repeat_the_golden_vectors_too(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled = block_bundle.write(tmp_path / "spoiled", golden_shift=0.1)
    monkeypatch.setattr(room, "candidate_backends", lambda _bundle: ("onnxruntime",))
    with pytest.raises(GateFailedError, match="golden vectors"):
        load(spoiled)
    named = load(spoiled, backend="onnxruntime", allow_unverified=True)
    assert named.session.backend == "onnxruntime"


def test_an_engine_that_breaks_leaves_the_other_one_to_run(
    bundle_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("no CPU plugin\nsecond line")

    opened = {"onnxruntime": open_session, "openvino": broken}
    monkeypatch.setattr(room, "open_session", lambda bundle, name, threads: opened[name](bundle, name, threads))
    loaded = load(bundle_folder)
    assert loaded.session.backend == "onnxruntime"
    assert "openvino refused: expected a working openvino, got no CPU plugin" in str(loaded.choice)
