from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from html_tree import parse
from small_study import Written

from edge_nt.results import read_result, write_result
from edge_nt.verify.verification import VerifyReport


def test_a_bundle_that_failed_is_a_hollow_mark_and_all_are_joined(written: Written) -> None:
    tree = parse(written.page)
    section = next(each for each in tree.all("section") if each.attributes.get("id") == "trade")
    marks = {}
    for drawing in section.all("svg"):
        for mark in drawing.all("path"):
            if titles := list(mark.all("title")):
                marks[titles[0].text().partition(":")[0]] = mark.attributes["class"]
    assert {name: "hollow" in style for name, style in marks.items()} == {
        "fp16 · onnxruntime": False,
        "int8 · onnxruntime": True,
    }


@pytest.mark.parametrize("change", [{"files": {}}, {"precision": "int8"}, {"backend": "openvino"}])
def test_a_verification_of_anything_else_is_not_joined_with_a_time(
    page_of: Callable[..., str], study_folder: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    """FP16's verification beside its time; then the same of another encoder, precision or backend."""
    report = read_result(study_folder / "verify-fp16.json", VerifyReport)
    if "files" in change:
        change = {"files": {**report.candidate.files, "encoder.onnx": "f" * 64}}
    write_result(tmp_path / "same.json", report)
    write_result(tmp_path / "other.json", replace(report, candidate=replace(report.candidate, **change)))
    bench = study_folder / "bench.json"
    assert "ROI Edge-MAE, change in %" in page_of(bench, tmp_path / "same.json")
    other = page_of(bench, tmp_path / "other.json")
    if "precision" in change:  # The INT8 bundle of these tests has the encoder of the others.
        assert "int8 · onnxruntime: ratio" in other
        assert "fp16 · onnxruntime: ratio" not in other
    else:
        assert "ROI Edge-MAE, change in %" not in other
