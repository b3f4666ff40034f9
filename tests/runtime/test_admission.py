"""What runs and what does not: verdicts at the door of `run` and `load`."""

from __future__ import annotations

import json
from pathlib import Path

import block_bundle
import cv2
import pytest
from left_verdict import leave

from edge_nt.cli.app import main
from edge_nt.errors import GateFailedError, InputError
from edge_nt.runtime import load


@pytest.fixture
def half(tmp_path: Path) -> Path:
    return block_bundle.write(tmp_path / "fp16", "fp16")


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "1.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), block_bundle.scan(1, 240, 320))
    return path


def run(bundle: Path, frame: Path, *options: str) -> tuple[int, list[dict]]:
    out = frame.parent.parent / "out"
    code = main(["run", str(bundle), str(frame.parent), "--out", str(out), "--backend", "onnxruntime", *options])
    lines = (out / "results.jsonl").read_text().splitlines() if out.exists() else []
    return code, [json.loads(line) for line in lines]


def test_the_reference_runs_and_every_line_says_so(
    bundle_folder: Path, frame: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (frame.parent / "broken.png").write_bytes(b"no picture")
    code, lines = run(bundle_folder, frame)
    assert code == 2
    assert [line["verdict"] for line in lines] == ["reference", "reference"]
    assert "error" in lines[1] or "error" in lines[0]
    assert "Verdict: reference: FP32 is what other precisions are compared with" in capsys.readouterr().out


def test_an_unverified_bundle_runs_only_when_told_to(
    half: Path, frame: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(half, frame) == (2, [])
    assert "no verdict.json" in capsys.readouterr().err
    code, [line] = run(half, frame, "--allow-unverified")
    assert (code, line["verdict"]) == (0, "unverified (allowed)")
    assert "Verdict: unverified (allowed): no verdict.json" in capsys.readouterr().out


@pytest.mark.parametrize(("short", "state"), [("not shown", "not shown (allowed)"), ("FAIL", "failed (allowed)")])
def test_a_bundle_that_did_not_pass_exits_1_and_says_which_gate(
    half: Path, frame: Path, capsys: pytest.CaptureFixture[str], short: str, state: str
) -> None:
    leave(half, "onnxruntime", "failed", short=short)
    assert run(half, frame) == (1, [])
    assert f"caliper bias {short}" in capsys.readouterr().err
    code, [line] = run(half, frame, "--allow-unverified")
    assert (code, line["verdict"]) == (0, state)


def test_a_bundle_that_passed_runs_here_and_on_a_backend_that_repeats_its_golden_vectors(
    half: Path, frame: Path
) -> None:
    code, [line] = run(leave(half, "openvino", "passed"), frame)
    assert (code, line["verdict"]) == (0, "passed")
    admission = load(half, backend="onnxruntime").admission
    assert admission is not None
    assert str(admission) == ("passed: passed on openvino by roi_gates.toml; onnxruntime held to it by golden vectors")


def test_every_line_says_that_a_pass_was_without_calipers(half: Path, frame: Path) -> None:
    code, [line] = run(leave(half, "onnxruntime", "passed", caliper_not_gated="too small a model"), frame)
    assert (code, line["verdict"]) == (0, "passed, calipers not gated")


def test_a_pass_does_not_cover_a_machine_that_computes_something_else(tmp_path: Path) -> None:
    spoiled = leave(block_bundle.write(tmp_path / "b", "fp16", golden_shift=2 / 255), "onnxruntime", "passed")
    with pytest.raises(GateFailedError, match="golden vectors"):
        load(spoiled, backend="onnxruntime")
    admission = load(spoiled, backend="onnxruntime", allow_unverified=True).admission
    assert admission is not None
    assert admission.state == "unverified (allowed)"
    assert "golden vectors not repeated on onnxruntime" in admission.says


def test_the_reference_has_to_repeat_its_golden_vectors_too(tmp_path: Path) -> None:
    with pytest.raises(GateFailedError, match="golden vectors"):
        load(block_bundle.write(tmp_path / "b", golden_shift=1 / 255), backend="onnxruntime")


def test_a_graph_changed_after_verify_is_refused_even_when_unverified_is_allowed(half: Path) -> None:
    leave(half, "onnxruntime", "passed")
    (half / "decoder.onnx").write_bytes(block_bundle.decoder_onnx(offset=0.1))
    with pytest.raises(InputError, match=r"decoder\.onnx with SHA-256"):
        load(half, allow_unverified=True)


def test_a_graph_and_a_manifest_changed_together_leave_the_verdict_behind(half: Path) -> None:
    """Whoever rewrites the hashes in bundle.json has another bundle.json than the one that was judged."""
    leave(half, "onnxruntime", "passed")
    verdict = (half / "verdict.json").read_bytes()
    block_bundle.write(half, "fp16", offset=0.1)
    (half / "verdict.json").write_bytes(verdict)
    with pytest.raises(InputError, match="changed after it was verified"):
        load(half)
