"""`edge-nt caliper` as a user meets it: on a phantom dataset, with a bundle, and its proof on phantoms."""

from pathlib import Path

import pytest

from edge_nt import __version__
from edge_nt.cli.app import main
from edge_nt.digests import sha256_file
from edge_nt.phantom.generate import write_phantoms
from edge_nt.results import read_result
from edge_nt.workbench.caliper_report import CaliperReport
from edge_nt.workbench.caliper_study_result import CaliperStudy


def test_a_dataset_is_measured_against_what_is_stated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_phantoms(tmp_path / "phantoms", hospitals=2, per_hospital=6, seed=4)
    out = tmp_path / "caliper.json"
    assert main(["caliper", str(tmp_path / "phantoms"), "--out", str(out)]) == 0
    report = read_result(out, CaliperReport)
    assert (report.synthetic, report.bundle, len(report.frames)) == (True, None, 12)
    assert [group.group for group in report.groups] == [
        "phantom-a phantom-a-scanner",
        "phantom-b phantom-b-scanner",
        "all",
    ]
    everything = report.groups[-1]
    assert everything.scan.measurable >= 11
    assert everything.scan_stated is not None
    assert -0.4 < everything.scan_stated.bias < -0.1
    assert everything.moved.n > 6
    assert everything.reconstruction is None
    assert all(frame.stated_mm is not None and frame.mm_per_px is not None for frame in report.frames)
    shown = capsys.readouterr().out
    assert "SYNTHETIC" in shown
    assert "moved box" in shown


def test_a_bundles_reconstructions_are_measured_too(bundle_folder: Path, dataset_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "caliper.json"
    assert main(["caliper", str(dataset_folder), "--bundle", str(bundle_folder), "--out", str(out)]) == 0
    report = read_result(out, CaliperReport)
    assert (report.bundle, report.precision) == (bundle_folder.name, "fp32")
    assert report.bundle_sha256 == sha256_file(bundle_folder / "bundle.json")
    assert report.dataset_tables["boxes.csv"] == sha256_file(dataset_folder / "boxes.csv")
    assert report.edge_nt_version == __version__
    assert report.measured_utc > "2026"
    names = [group.group for group in report.groups]
    assert names[-1] == "all"
    assert "source validation" in names
    assert any(name.startswith("held-out ") for name in names)
    # The small bundle keeps block means only: no band survives it, and the caliper says so.
    everything = report.groups[-1]
    assert everything.reconstruction is not None
    assert everything.reconstruction.n == everything.scan.n == len(report.frames)
    assert all(frame.reconstruction is not None for frame in report.frames)


def test_the_proof_on_phantoms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "study.json"
    assert main(["caliper", "--phantoms", "60", "--seed", "5", "--out", str(out)]) == 0
    study = read_result(out, CaliperStudy)
    assert (study.phantoms, study.seed) == (60, 5)
    rows = {(row.size, row.name): row for row in study.rows}
    for size in ("scan", "network"):
        overall = rows[size, "all"]
        assert overall.coverage.n == 30
        assert overall.coverage.measurable >= 28
        assert overall.mm is not None
        assert -0.4 < overall.mm.bias < -0.1
        assert {f"gain {level}" for level in (-12, -6, 6, 12)} <= {name for where, name in rows if where == size}
    assert rows["network", "tilt 25"].coverage.n in (2, 3)
    assert "60 phantoms of known thickness" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["somewhere", "--phantoms", "60"], ["--phantoms", "60", "--bundle", "b"]])
def test_what_to_measure_has_to_be_said_once(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["caliper", *arguments]) == 2
    assert "edge-nt caliper DATA_DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--phantoms", "3"], "at least 60 phantoms"), (["DATA", "--roi", "heart"], "boxes of heart")],
)
def test_nothing_to_measure_is_bad_input(
    arguments: list[str], said: str, dataset_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["caliper", *(str(dataset_folder) if each == "DATA" else each for each in arguments)]) == 2
    assert said in capsys.readouterr().err
