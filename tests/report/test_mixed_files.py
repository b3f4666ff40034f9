"""Result files that speak of different models or different data are called that on the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from html_tree import parse
from small_ood import write_ood
from small_study import write_evaluation


def test_files_of_different_models_are_called_that(
    page_of: Callable[..., str], study_folder: Path, tmp_path: Path
) -> None:
    assert "Several checkpoints" not in page_of(study_folder)
    other = write_evaluation(tmp_path / "other", checkpoint="d" * 64)
    page = page_of(study_folder, other)
    assert "Several checkpoints" in page
    assert "Several checkpoints" in page_of(study_folder, write_ood(tmp_path / "ood.json", checkpoint="d" * 64))
    assert "dddddddddddd in" in page


def test_files_of_different_data_are_called_that(
    page_of: Callable[..., str], study_folder: Path, tmp_path: Path
) -> None:
    verified = json.loads((study_folder / "verify-fp16.json").read_text())["dataset_tables"]
    tables = {"manifest.csv": verified["manifest_csv_sha256"], "boxes.csv": "b" * 64}
    evaluation = write_evaluation(tmp_path / "evaluation") / "evaluation.json"
    evaluation.write_text(json.dumps({**json.loads(evaluation.read_text()), "dataset_tables": tables}))
    page = parse(page_of(evaluation, study_folder / "verify-fp16.json", study_folder / "verify-int8.json")).text()
    assert "Several datasets." in page
    assert f"boxes.csv is bbbbbbbbbbbb in [1]; {verified['boxes_csv_sha256'][:12]} in [2], [3]." in page
    assert "manifest.csv is" not in page
    # Results from before tables were recorded say nothing about them.
    assert "Several datasets" not in page_of(study_folder)
