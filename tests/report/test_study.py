from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from small_study import write_evaluation

from edge_nt.cli.app import main
from edge_nt.errors import InputError
from edge_nt.report.page import write_report
from edge_nt.report.study import read_study


def test_files_folders_and_folders_of_folders_name_the_same_files(study_folder: Path) -> None:
    whole = {file.source.path for file in read_study([study_folder]).files}
    parts = [*(study_folder / "bundles").iterdir(), *study_folder.glob("*.json"), study_folder / "run"]
    assert {file.source.path for file in read_study(parts).files} == whole
    inner = [study_folder / "bundles" / "fp32" / "bundle.json", study_folder / "run" / "run.json"]
    assert {file.source.path for file in read_study(inner).files} < whole
    twice = read_study([study_folder, study_folder / "bench.json", study_folder])
    assert [file.source.number for file in twice.files] == list(range(1, len(whole) + 1))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("stray.json", "{}", "stray.json"),
        ("stray.json", '{"kind": "edge-nt other", "schema_version": 1}', "edge-nt other"),
        ("stray.json", "[1", "stray.json"),
        ("old.json", '{"kind": "edge-nt bench", "schema_version": 1}', "schema_version 3"),
        ("half.json", '{"kind": "edge-nt bench", "schema_version": 3}', "half.json"),
    ],
)
def test_unknown_and_broken_files_are_refused_by_name(tmp_path: Path, name: str, content: str, told: str) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / name).write_text(content)
    for named in (folder, folder / name):
        with pytest.raises(InputError, match=told):
            read_study([named])


def test_folders_without_results_are_refused_by_name(study_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", study_folder / "scans", tmp_path / "missing"):
        with pytest.raises(InputError, match=folder.name):
            read_study([folder])


@pytest.mark.parametrize("name", ["run/run.json", "run/log.jsonl", "bundles/int8/bundle.json", "verify-int8.json"])
def test_a_damaged_file_of_a_study_is_refused_by_name(study_folder: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(study_folder, tmp_path / "study")
    (copy / name).write_text('{"a": 1}\n')
    with pytest.raises(InputError):
        read_study([copy])


def test_a_panel_that_is_not_the_evaluated_one_is_refused(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "evaluation")
    panel = folder / "panel.png"
    panel.write_bytes(panel.read_bytes() + b"\0")
    with pytest.raises(InputError, match=r"panel\.png"):
        write_report([folder], tmp_path / "report.html")
    panel.unlink()
    with pytest.raises(InputError, match=r"panel\.png"):
        write_report([folder], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_an_evaluation_cannot_reach_outside_its_folder(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "study" / "evaluation")
    (tmp_path / "study" / "secret.png").write_bytes((folder / "panel.png").read_bytes())
    content = json.loads((folder / "evaluation.json").read_text())
    content["panels"][0]["file"] = "../secret.png"
    (folder / "evaluation.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"secret\.png"):
        write_report([folder], tmp_path / "report.html")


def test_a_cell_outside_its_panel_is_refused(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "evaluation")
    content = json.loads((folder / "evaluation.json").read_text())
    content["panels"][0]["examples"][1]["cells"][0]["top_px"] = 100_000
    (folder / "evaluation.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="inside their panel"):
        write_report([folder], tmp_path / "report.html")


def test_the_command_lists_its_sources_and_refuses_to_write_into_a_bundle(
    study_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert main(["report", str(study_folder / "run"), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert "run/evaluation/evaluation.json: edge-nt evaluation" in told.err
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    bundle = study_folder / "bundles" / "fp32"
    assert main(["report", str(bundle), "--out", str(bundle / "report.html")]) == 2
    assert main(["report", str(tmp_path / "nothing.json")]) == 2
    assert "nothing.json" in capsys.readouterr().err
