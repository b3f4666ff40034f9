"""`run` and `load` without a bundle: the shipped one, what its record admits, and what it does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import block_bundle
import cv2
import pytest
import small_reference

from edge_nt.bundle import reference
from edge_nt.bundle.read import read_bundle
from edge_nt.cli.app import main
from edge_nt.errors import GateFailedError, InputError
from edge_nt.runtime import load


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped bundles: INT8 for CPUs first, then FP16; every gate passed."""
    folder = small_reference.write(tmp_path / "shipped")
    monkeypatch.setattr(reference, "reference_folder", lambda: folder)
    return folder


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.png"
    cv2.imwrite(str(path), block_bundle.scan(1, 240, 320))
    return path


def run(scan: Path, *words: str) -> tuple[int, list[dict]]:
    out = scan.parent / "out"
    code = main(["run", *words, "--out", str(out), "--backend", "onnxruntime", "--jobs", "1"])
    lines = (out / "results.jsonl").read_text().splitlines() if out.exists() else []
    return code, [json.loads(line) for line in lines]


def test_a_scan_alone_runs_through_the_shipped_bundle_and_stderr_says_so(
    shipped: Path, scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, [line] = run(scan, str(scan))
    assert (code, line["verdict"]) == (0, "passed")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "No bundle named: the shipped int8-cpu runs (NT, int8)" in err
    assert str(shipped / "MODEL_CARD.md") in err
    assert load().score_file(scan).ood_score == line["ood_score"]
    assert load().bundle.sha256 == read_bundle(shipped / "int8-cpu").sha256


def test_results_go_to_a_folder_of_their_own_name_by_default(
    shipped: Path, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scan.parent)
    assert main(["run", "scan.png"]) == 0
    results = scan.parent / "edge-nt-results" / "results.jsonl"
    assert results.is_file()
    for _ in range(2):  # what the first run wrote is no frame of the second
        assert main(["run", "."]) == 0
        assert [json.loads(line)["file"] for line in results.read_text().splitlines()] == ["scan.png"]
    assert main(["run", "edge-nt-results"]) == 2
    assert results.is_file()


def test_a_named_bundle_is_taken_and_nothing_is_said_of_the_shipped_one(
    shipped: Path, scan: Path, bundle_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ((str(bundle_folder), str(scan)), (str(scan), "--bundle", str(bundle_folder))):
        code, [line] = run(scan, *words)
        assert (code, line["verdict"]) == (0, "reference")
    assert "shipped" not in capsys.readouterr().err


def test_what_could_be_meant_in_two_ways_is_refused(
    shipped: Path, scan: Path, bundle_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        (str(scan), str(bundle_folder)),
        (str(bundle_folder), str(scan), "--bundle", str(bundle_folder)),
        (str(bundle_folder),),
    ):
        assert run(scan, *words) == (2, [])
    assert main(["run"]) == 2
    (bundle_folder / "bundle.json").unlink()
    capsys.readouterr()
    assert run(scan, str(bundle_folder), str(scan)) == (2, [])
    assert "bundle.json" in capsys.readouterr().err


def test_without_a_shipped_bundle_the_error_says_what_to_do(
    tmp_path: Path, scan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "reference_folder", lambda: tmp_path / "nothing")
    assert run(scan, str(scan)) == (2, [])
    assert "edge-nt run BUNDLE INPUT" in capsys.readouterr().err
    with pytest.raises(InputError, match="none in this installation"):
        load()


def test_tensorrt_gets_the_bundle_that_is_not_made_for_cpus(shipped: Path) -> None:
    assert reference.reference_bundle("tensorrt") == shipped / "fp16"
    assert reference.reference_bundle("auto") == shipped / "int8-cpu"


def test_gates_not_shown_are_admitted_with_the_reason_and_in_every_line(
    tmp_path: Path, scan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small_reference.write(tmp_path / "shipped", left_open=("caliper bias",), reason="18 frames can be read")
    monkeypatch.setattr(reference, "reference_folder", lambda: folder)
    code, [line] = run(scan, str(scan))
    assert (code, line["verdict"]) == (0, "not shown (shipped)")
    said = capsys.readouterr().out
    assert "caliper bias not shown" in said
    assert "shipped all the same: 18 frames can be read" in said
    # The same bytes in another folder are a bundle like any other.
    copy = Path(shutil.copytree(folder / "int8-cpu", tmp_path / "copy"))
    with pytest.raises(GateFailedError):
        load(copy)


def test_only_the_gates_that_the_record_names_may_be_open_and_none_may_have_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_reference.write(tmp_path / "shipped", left_open=("caliper bias",), reason="few frames")
    monkeypatch.setattr(reference, "reference_folder", lambda: folder)
    bundle = folder / "int8-cpu"
    assert load().verdict == "not shown (shipped)"
    small_reference.leave_verdict(bundle, left_open=("caliper bias", "OOD flips"))
    with pytest.raises(GateFailedError, match="OOD flips not shown"):
        load()
    small_reference.leave_verdict(bundle, left_open=("caliper bias",), failed=("ROI MAE",))
    with pytest.raises(GateFailedError, match="ROI MAE FAIL"):
        load()


def test_a_loss_on_one_backend_counts_on_those_without_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_reference.write(tmp_path / "shipped", left_open=("caliper bias",), reason="few frames")
    monkeypatch.setattr(reference, "reference_folder", lambda: folder)
    bundle = folder / "int8-cpu"
    small_reference.leave_verdict(bundle, left_open=("OOD flips",), backend="tensorrt")
    with pytest.raises(GateFailedError, match="no verdict on openvino"):
        load(backend="openvino")  # the record does not name the gate that is open on TensorRT
    small_reference.leave_verdict(bundle, failed=("ROI MAE",), backend="tensorrt")
    with pytest.raises(GateFailedError, match="ROI MAE FAIL"):
        load(backend="openvino")
    assert load(backend="onnxruntime").verdict == "not shown (shipped)"


def test_a_record_cannot_point_out_of_its_folder_or_leave_a_reason_out(shipped: Path) -> None:
    path = shipped / "reference.json"
    content = json.loads(path.read_text())
    for change in (
        {"bundles": []},
        {"bundles": [{**content["bundles"][0], "folder": "../fp16"}]},
        {"not_shown_reason": "for nothing"},
        {"bundles": [{**content["bundles"][0], "not_shown": [{"metric": "m", "group": "g"}]}]},
    ):
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(InputError):
            load()
