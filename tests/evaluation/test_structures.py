"""Several structures in one run: each has its own region, figures and panels; polygons are measured as polygons."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from edge_nt.cli.app import app
from edge_nt.datasets.dataset import read_dataset, write_dataset
from edge_nt.evaluation.evaluation_result import Evaluation
from edge_nt.evaluation.stage_pass import reconstruct, score_frames
from edge_nt.evaluation.summary import SOURCE_VALIDATION
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.imaging.roi import polygon_roi
from edge_nt.results import read_result
from edge_nt.training.checkpoint import load_model
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import frames_of, network_rois, read_run_frames

BOTH = ("NT", "nasal bone")


@pytest.fixture(scope="module")
def two_structures(untrained_run: Path, phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two structures; the nasal bone is a triangle, and one validation image has none."""
    folder = tmp_path_factory.mktemp("structures")
    data = shutil.copytree(phantoms, folder / "data")
    dataset = read_dataset(data)
    without = next(row.file for row in dataset.rows if row.split == "val")
    boxes = {}
    for file, found in dataset.boxes.items():
        kept = [box for box in found if box.roi.structure == "NT"]
        for box in found:
            if box.roi.structure == "nasal bone" and file != without:
                corners = box.roi.outline[0]
                kept.insert(0, replace(box, roi=polygon_roi("nasal bone", (corners[:3],))))
        boxes[file] = tuple(kept)
    write_dataset(replace(dataset, boxes=boxes))
    run = shutil.copytree(untrained_run, folder / "run")
    stated = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(stated | {"structures": BOTH, "data_root": str(data)}))
    return run


@pytest.fixture(scope="module")
def evaluated(two_structures: Path) -> tuple[str, Path]:
    """What the command printed, and the folder that it wrote."""
    told = CliRunner().invoke(app, ["evaluate", str(two_structures)], env={"COLUMNS": "150"})
    assert told.exit_code == 0, told.output
    return told.output, two_structures / "evaluation"


@pytest.fixture(scope="module")
def evaluation(evaluated: tuple[str, Path]) -> Evaluation:
    return read_result(evaluated[1] / "evaluation.json", Evaluation)


def test_every_structure_has_its_own_figures(evaluation: Evaluation) -> None:
    assert evaluation.structures == BOTH
    group = evaluation.groups[0]
    assert [(region.structure, region.images) for region in group.regions] == [("NT", 4), ("nasal bone", 3)]
    images = [record for record in evaluation.images if record.split == SOURCE_VALIDATION]
    for region in group.regions:
        maes = [
            record.stage2.regions[region.structure].mae
            for record in images
            if region.structure in record.stage2.regions
        ]
        assert region.metrics[0].stage2.estimate == pytest.approx(np.mean(maes))


def test_a_polygon_is_measured_inside_the_polygon(evaluation: Evaluation, two_structures: Path) -> None:
    source = read_run_frames(read_run(two_structures), None)
    rows = source.split.held_out
    frames, rois = frames_of(source, rows), network_rois(source, rows)
    output = reconstruct(load_model(two_structures, "stage1"), frames)[1]
    records = {record.file: record for record in evaluation.images}
    for row, frame, candidate, found in zip(rows, to_unit_range(frames)[:, 0], output, rois, strict=True):
        bone = next(roi for roi in found if roi.structure == "nasal bone")
        inside = bone.mask(192, 256)
        assert inside.sum() < inside[bone.slices(192, 256)].size
        measured = records[row.file].stage1.regions["nasal bone"]
        assert measured.mae == pytest.approx(np.abs(candidate - frame)[inside].mean(), rel=1e-5)


def test_one_structures_figures_are_those_of_a_run_of_it_alone(
    evaluation: Evaluation, untrained_run: Path, phantoms: Path
) -> None:
    source = read_run_frames(read_run(untrained_run), phantoms)
    rows = source.split.val
    alone = score_frames(
        load_model(untrained_run, "stage2"),
        frames_of(source, rows),
        network_rois(source, rows),
        batch_size=32,
        on_frame=lambda: None,
    )
    for record, metrics in zip(evaluation.images, alone.metrics, strict=False):
        assert metrics == replace(record.stage2, regions={"NT": record.stage2.regions["NT"]})


def test_each_structure_has_its_panels(evaluation: Evaluation, two_structures: Path) -> None:
    assert [(panel.file, panel.structure) for panel in evaluation.panels] == [
        ("panel-source-validation.png", "NT"),
        ("panel-source-validation-2.png", "nasal bone"),
        ("panel-held-out.png", "NT"),
        ("panel-held-out-2.png", "nasal bone"),
    ]
    picture = cv2.imread(str(two_structures / "evaluation" / "panel-held-out-2.png"))
    cell = evaluation.panels[3].examples[0].cells[0]
    shown = picture[cell.top_px : cell.top_px + cell.height_px, cell.left_px : cell.left_px + cell.width_px]
    rows, columns = np.nonzero(np.any(shown != shown[..., :1], axis=2))
    # Three of a box's four corners: the outline leaves the fourth alone.
    assert not np.any((rows > rows.max() - 2) & (columns < columns.min() + 2))


def test_tables_and_page_name_every_structure(evaluated: tuple[str, Path], tmp_path: Path) -> None:
    told, folder = evaluated
    for text in ("4 images, 4 with NT, 3 with nasal bone", "ROI MAE, nasal bone ↓", "ROI MAE, NT ↓"):
        assert text in told
    page = tmp_path / "page.html"
    made = CliRunner().invoke(app, ["report", str(folder), "--out", str(page)])
    assert made.exit_code == 0, made.output
    for text in ("ROI Edge-MAE, nasal bone ↓", " with nasal bone", "held-out hospital, nasal bone, run run"):
        assert text in page.read_text(encoding="utf-8")
