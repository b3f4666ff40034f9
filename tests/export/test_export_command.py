"""`edge-nt export` from the command line: what it prints, where it writes, and its refusals in one line."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import block_bundle
import left_verdict
import pytest

from edge_nt.bundle.read import read_bundle
from edge_nt.cli.app import main
from edge_nt.datasets.dataset import Row, read_dataset
from edge_nt.export.calibrators import CALIBRATORS
from edge_nt.export.search_result import CalibratorReport, SensitivityReport
from edge_nt.recipes import default_path, read_toml
from edge_nt.results import read_result


def test_the_newest_run_is_exported_into_the_build_folder(finished_run, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished_run, tmp_path / "runs" / "first")
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--precision", "int8", "--data", str(finished_run.parent / "data")]) == 0
    printed = capsys.readouterr()
    assert printed.out == "export/build/first-int8\n"
    assert read_bundle(Path("export/build/first-int8")).manifest.precision == "int8"
    shown = " ".join(printed.err.split())
    assert "percentile-99.999 over 12 training images of phantom-a, phantom-b" in shown
    assert "SYNTHETIC" in shown
    assert ("parsed and built both graphs" in shown) != ("not checked: tensorrt-rtx is not installed" in shown)


def _export(run: Path, tmp_path: Path, files: list[str], *more: str) -> int:
    (tmp_path / "mine.csv").write_text("\n".join(["file", *files]) + "\n")
    command = ["export", str(run), "--precision", "int8", "--out", str(tmp_path / "bundle")]
    return main([*command, "--calibration", str(tmp_path / "mine.csv"), *more])


def _refusal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> str:
    """The one line that was printed; nothing else may be left behind."""
    printed = capsys.readouterr()
    lines = printed.err.strip().splitlines()
    assert printed.out == ""
    assert sum(line.startswith("edge-nt: ") for line in lines) == 1
    assert not (tmp_path / "bundle").exists()
    return lines[-1]


@pytest.fixture
def rows(finished_run: Path) -> tuple[Row, ...]:
    return read_dataset(finished_run.parent / "data").rows


@pytest.fixture
def training_files(rows: tuple[Row, ...]) -> list[str]:
    return [row.file for row in rows if row.split == "train" and row.hospital != "phantom-c"]


def test_a_held_out_image_among_the_calibration_images_is_refused_by_name(
    finished_run, rows, training_files, tmp_path, capsys
):
    held_out = next(row.file for row in rows if row.hospital == "phantom-c")
    assert _export(finished_run, tmp_path, [*training_files, held_out]) == 2
    assert f"{held_out} (held-out phantom-c)" in _refusal(capsys, tmp_path)


def test_a_copy_of_a_validation_image_under_another_name_is_refused_by_name(
    finished_run, rows, training_files, tmp_path, capsys
):
    shutil.copytree(finished_run.parent / "data", tmp_path / "data")
    validation = next(row.file for row in rows if row.split == "val" and row.hospital != "phantom-c")
    shutil.copy(tmp_path / "data" / validation, tmp_path / "data" / training_files[0])
    assert _export(finished_run, tmp_path, training_files, "--data", str(tmp_path / "data")) == 2
    refusal = _refusal(capsys, tmp_path)
    assert training_files[0] in refusal
    assert validation in refusal


def test_no_calibration_images_at_all_are_refused(finished_run, tmp_path, capsys):
    assert _export(finished_run, tmp_path, []) == 2
    assert "at least one calibration image. Got none" in _refusal(capsys, tmp_path)


def test_a_source_hospital_left_out_is_refused_by_name(finished_run, training_files, tmp_path, capsys):
    assert _export(finished_run, tmp_path, [file for file in training_files if "phantom-a" in file]) == 2
    assert "none of phantom-b" in _refusal(capsys, tmp_path)


def _gates(path: Path, percent: float) -> Path:
    """A gate file for a few phantoms: one limit for every ratio, all others out of reach."""
    shipped = read_toml(default_path("benchmarks/roi_gates.toml"))
    gates = {name: percent if "increase" in name else 1e9 for name in shipped["gates"]} | {"min_frames": 1}
    lines = ["schema_version = 2", 'caliper_not_gated = "phantoms of an untrained model"', "[gates]"]
    lines += [f"{name} = {value}" for name, value in gates.items()]
    for precision, limits in shipped["golden"].items():
        lines += [f"[golden.{precision}]", *(f"{name} = {value}" for name, value in limits.items())]
    path.write_text("\n".join(lines))
    return path


def test_auto_writes_what_it_tried_beside_the_bundle(finished_run, training_files, tmp_path, capsys):
    gates = _gates(tmp_path / "gates.toml", 1e9)
    more = ("--auto", "--calibrator", "auto", "--target", "cpu", "--gates", str(gates))
    assert _export(finished_run, tmp_path, training_files[:1] + training_files[-1:], *more) == 0
    sensitivity = read_result(tmp_path / "bundle-sensitivity.json", SensitivityReport)
    calibrators = read_result(tmp_path / "bundle-calibrators.json", CalibratorReport)
    manifest = read_bundle(tmp_path / "bundle").manifest
    assert manifest.quantisation is not None
    assert (manifest.quantisation.method, manifest.quantisation.calibrator) == ("auto", calibrators.chosen)
    assert sensitivity.float_layers == manifest.quantisation.float_layers == ()
    assert [trial.calibrator for trial in calibrators.trials] == list(CALIBRATORS)
    assert {gate.group for trial in calibrators.trials for gate in trial.gates} == {"source validation"}
    shown = " ".join(capsys.readouterr().err.split())
    assert f"chosen: {calibrators.chosen}" in shown
    assert "Not verified yet: edge-nt verify" in shown
    assert "TensorRT engines: not built: these graphs are for CPUs" in shown


def test_auto_that_finds_nothing_exits_with_1_says_how_far_it_came_and_writes_no_bundle(
    finished_run, training_files, tmp_path, capsys, monkeypatch
):
    two = ("encoder/linear_1", "decoder/linear_1")  # to be quick
    monkeypatch.setattr("edge_nt.export.int8_search.layer_names", lambda _graphs: two)
    gates = _gates(tmp_path / "gates.toml", 0.0)
    assert _export(finished_run, tmp_path, training_files, "--auto", "--target", "cpu", "--gates", str(gates)) == 1
    assert "bundle-sensitivity.json" in _refusal(capsys, tmp_path)
    report = read_result(tmp_path / "bundle-sensitivity.json", SensitivityReport)
    assert not report.passed
    assert {each.layer for each in report.layers} == set(two)
    assert len(report.added[-1].float_layers) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--precision", "int4"], "fp32, fp16, int8"),
        (["nowhere"], "nowhere"),
        ([], "a finished run under runs"),
        (["--recipe", "nowhere.toml"], "nowhere.toml"),
        (["--calibrator", "mse"], "--calibrator with int8 only"),
        (["--precision", "int8", "--calibrator", "median"], "int8.calibrator, one of minmax"),
    ],
)
def test_bad_input_exits_with_2(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_with_a_verdict_is_replaced_only_when_told_to(finished_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    block_bundle.write(Path("bundle"), "int8")
    judged = read_bundle(left_verdict.leave(Path("bundle"), "onnxruntime", "failed")).sha256
    command = ["export", str(finished_run), "--out", "bundle"]
    assert main(command) == 2
    refusal = capsys.readouterr().err.splitlines()[-1]
    assert "Got bundle with verdict.json, which `edge-nt verify` left" in refusal
    assert "--force" in refusal
    assert (read_bundle(Path("bundle")).sha256, Path("bundle/verdict.json").exists()) == (judged, True)
    assert main([*command, "--force"]) == 0
    assert read_bundle(Path("bundle")).manifest.precision == "fp32"
    assert not Path("bundle/verdict.json").exists()


def test_kill_9_leaves_no_bundle_or_a_whole_one(finished_run, tmp_path):
    bundle = tmp_path / "bundle"
    code = "from edge_nt.cli.app import entry_point; entry_point()"
    process = subprocess.Popen([sys.executable, "-c", code, "export", str(finished_run), "--out", str(bundle)])
    deadline = time.monotonic() + 120
    while not any(tmp_path.iterdir()):  # the temporary folder's name is the first thing to appear
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.kill()
    process.wait()
    assert not bundle.exists() or read_bundle(bundle).manifest.precision == "fp32"
    assert main(["export", str(finished_run), "--out", str(bundle)]) == 0
    assert read_bundle(bundle).manifest.precision == "fp32"
