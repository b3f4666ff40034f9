"""`edge-nt verify` from the command line: its report, its verdict and its exit code."""

import json
from pathlib import Path

import block_bundle
import pytest

import edge_nt
from edge_nt.bundle.verdict import read_verdict
from edge_nt.cli.app import main
from edge_nt.digests import sha256_file
from edge_nt.recipes import default_path
from edge_nt.results import read_result
from edge_nt.verify.verification import VerifyReport

DEMO_GATES = str(default_path("benchmarks/demo_gates.toml"))


def verify_command(bundle: Path, reference: Path, data: Path, out: Path) -> list[str]:
    return ["verify", *map(str, (bundle, "--reference", reference, "--data", data, "--out", out))]


def test_the_command_reports_leaves_its_verdict_and_exits_1_with_the_gate_and_the_amount(
    bundle_folder: Path, many_scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worse, out = block_bundle.write(tmp_path / "int8", "int8", offset=0.02), tmp_path / "verify.json"
    command = [*verify_command(worse, bundle_folder, many_scans, out), "--gates", DEMO_GATES]
    assert main([*command, "--backend", "onnxruntime"]) == 1
    printed = capsys.readouterr()
    assert "ROI mean |difference| of source validation FAIL: 5.1, up to 5.1 grey levels (limit 1.5" in printed.err
    assert "SYNTHETIC" in printed.out
    assert "Calipers are not gated: the demo's model" in printed.out
    report = json.loads(out.read_text())
    assert report["passed"] is False
    assert str(tmp_path) not in out.read_text()
    left = read_verdict(worse, sha256_file(worse / "bundle.json"))
    assert left is not None
    entry = left.backends["onnxruntime"]
    assert entry.outcome == "failed"
    assert entry.compared_with.reference_sha256 == sha256_file(bundle_folder / "bundle.json")
    assert entry.compared_with.boxes_csv_sha256 == sha256_file(many_scans / "boxes.csv")
    assert entry.compared_with.scans_sha256 == report["scans_sha256"]
    assert report["edge_nt_version"] == edge_nt.__version__
    assert entry.compared_with.gate_file_sha256 == sha256_file(Path(DEMO_GATES))
    assert (entry.compared_with.caliper_not_gated or "").startswith("the demo's model")
    assert len(entry.gates) == len(report["comparison"]["gates"])


def test_a_second_backend_adds_its_verdict_and_no_verdict_leaves_none(
    bundle_folder: Path, many_scans: Path, tmp_path: Path
) -> None:
    half, out = block_bundle.write(tmp_path / "fp16", "fp16"), tmp_path / "verify.json"
    command = [*verify_command(half, bundle_folder, many_scans, out), "--gates", DEMO_GATES, "--backend"]
    assert main([*command, "onnxruntime", "--no-verdict"]) == 0
    assert not (half / "verdict.json").exists()
    assert main([*command, "onnxruntime"]) == main([*command, "openvino"]) == 0
    found = read_verdict(half, sha256_file(half / "bundle.json"))
    assert found is not None
    assert {name: entry.outcome for name, entry in found.backends.items()} == {
        "onnxruntime": "passed",
        "openvino": "passed",
    }
    report = read_result(out, VerifyReport)
    assert (report.candidate.backend, report.reference.backend) == ("openvino", "onnxruntime")


def test_a_report_inside_a_bundle_is_refused_before_the_work(
    bundle_folder: Path, dataset_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = bundle_folder / "verify.json"
    assert main(verify_command(bundle_folder, bundle_folder, dataset_folder, out)) == 2
    assert "outside the bundles" in capsys.readouterr().err
    assert not out.exists()
