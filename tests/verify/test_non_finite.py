"""A candidate that gives NaN or infinity for a frame has failed, and says so wherever it could run."""

import re
from pathlib import Path

import block_bundle
import numpy as np
import pytest

from edge_nt.bundle.read import read_bundle
from edge_nt.bundle.standing import standing_of
from edge_nt.cli.app import main
from edge_nt.recipes import default_path
from edge_nt.results import read_result
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.runtime.reconstructor import Reconstructor, load_unjudged
from edge_nt.verify.verification import VerifyReport

DEMO_GATES = str(default_path("benchmarks/demo_gates.toml"))


def test_a_candidate_that_gives_nan_has_failed_and_no_pass_elsewhere_covers_it(
    bundle_folder: Path,
    many_scans: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gates = ["--gates", DEMO_GATES]
    candidate = block_bundle.write(tmp_path / "fp16", "fp16")
    words = ["verify", str(candidate), "--reference", str(bundle_folder), "--data", str(many_scans), *gates]
    out = ["--out", str(tmp_path / "verify.json")]
    assert main([*words, "--backend", "onnxruntime", *out]) == 0

    class Overflowing(OnnxRuntimeSession):
        """Gives infinity for one scan of the dataset, and for no golden frame, which come first."""

        decoded = 0

        def decode(self, latents: np.ndarray) -> np.ndarray:
            self.decoded += 1
            return super().decode(latents) * (np.inf if self.decoded == 30 else 1)

    loaded = load_unjudged

    def load_overflowing(folder: Path, threads: int | None, backend: str) -> Reconstructor:
        found = loaded(folder, threads, "onnxruntime")
        if folder != candidate:
            return found
        session = Overflowing(found.bundle.encoder_onnx, found.bundle.decoder_onnx)
        session.backend = backend
        return Reconstructor(found.bundle, session)

    monkeypatch.setattr("edge_nt.verify.verification.load_unjudged", load_overflowing)
    assert main([*words, "--backend", "openvino", *out]) == 1
    report = read_result(tmp_path / "verify.json", VerifyReport)
    [gate] = report.comparison.gates
    assert (gate.metric, gate.state) == ("finite outputs", "FAIL")
    assert re.fullmatch(r"NaN or infinity for frame \d+ of 40", gate.reason)
    assert "finite outputs: FAIL" in capsys.readouterr().out
    bundle = read_bundle(candidate)
    assert standing_of(bundle, "openvino").state == "failed"
    assert standing_of(bundle, "onnxruntime").state == "passed, calipers not gated"
    assert standing_of(bundle, "tensorrt").state == "unverified"
