"""A small study, written by the code that writes each file in earnest, with names that want to be markup."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_nt.digests import sha256_file
from edge_nt.evaluation.evaluation_result import Evaluation, Example, Panel
from edge_nt.evaluation.ood_evaluation import evaluate_ood
from edge_nt.evaluation.panel import PanelRow, draw_panel, write_panel
from edge_nt.evaluation.panel_layout import panel_cells
from edge_nt.evaluation.summary import HELD_OUT, SOURCE_VALIDATION, ImageRecord, summarise
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.imaging.roi import Roi
from edge_nt.metrics.roi_metrics import ImageMetrics, RoiMetrics
from edge_nt.results import write_result
from edge_nt.training.recipe import read_recipe
from edge_nt.training.run_folder import RunInfo, write_run
from edge_nt.training.run_log import RunLog

HOSTILE = "<script>alert(\"x\")</script> & '<img src=http://evil.example/x>'"
HOSTILE_HOSPITAL = "<b onclick='x'>ost\"&amp;"
TERMS = ("ms_ssim", "roi_l1", "roi_edge_l1")


@dataclass(frozen=True)
class Written:
    """A study's folder and the page about it."""

    folder: Path
    page: str


def write_run_folder(run: Path, *, dataset: str = HOSTILE, synthetic: bool = True) -> Path:
    info = RunInfo(
        data_root="scans",
        dataset=dataset,
        synthetic=synthetic,
        held_out_hospital="north",
        structures=("NT",),
        preprocess=Preprocess(),
        recipe=read_recipe(None, {"stage1_steps": 300, "stage2_steps": 200}),
        device="cpu",
        precision="float32",
        threads=1,
        torch_version="2.0",
        train=("a.png", "b.png", "c.png"),
        val=("d.png", "e.png"),
        held_out=("f.png",),
    )
    run.mkdir(parents=True)
    write_run(run, info)
    log = RunLog(run / "log.jsonl")
    for stage in (1, 2):
        if stage == 2:
            norms = [dict(zip(TERMS, (0.1, 0.4 * batch, 0.05), strict=True)) for batch in range(3)]
            weights = dict(zip(TERMS, (1.0, 0.25, 1.5), strict=True))
            log.write({"event": "calibrate", "stage": 2, "step": 0, "gradient_norms": norms, "weights": weights})
        for step in range(50, 201, 50):
            log.write({"event": "step", "stage": stage, "step": step, "loss": 0.6 / step * stage})
        log.write({"event": "validate", "stage": stage, "step": 200, **dict.fromkeys(TERMS, 0.5 / stage)})
    return run


def write_evaluation(folder: Path, *, checkpoint: str = "c" * 64, synthetic: bool = True) -> Path:
    """An evaluation of seeded figures, through the functions that summarise, score and draw in earnest."""
    rng = np.random.default_rng(0)
    counts = ((SOURCE_VALIDATION, "east", 6), (SOURCE_VALIDATION, HOSTILE_HOSPITAL, 5), (HELD_OUT, "north", 5))
    records = tuple(_record(rng, split, hospital) for split, hospital, count in counts for _ in range(count))
    training, validation, other = (
        (rng.standard_normal((count, 4)) + shift).astype(np.float32) for count, shift in ((60, 0), (11, 0), (9, 1))
    )
    ood = tuple(
        evaluate_ood(
            stage, training, ["east"] * 60, validation, {"hospital north": other, f"folder {HOSTILE}": other + 1}
        )
        for stage in ("stage1", "stage2")
    )
    folder.mkdir(parents=True)
    evaluation = Evaluation(
        edge_nt_version="0.0.0",
        measured_utc="2026-01-02T03:04:05Z",
        run="run",
        checkpoint_sha256={"stage1": "a" * 64, "stage2": checkpoint},
        dataset=HOSTILE,
        synthetic=synthetic,
        structures=("NT", HOSTILE),
        held_out_hospital="north",
        groups=summarise(records, ("NT", HOSTILE), resamples=50),
        ood=ood,
        panels=(_panel(folder, rng),),
        images=records,
    )
    write_result(folder / "evaluation.json", evaluation)
    return folder


def _record(rng: np.random.Generator, split: str, hospital: str) -> ImageRecord:
    first, second = (
        ImageMetrics(20 + rng.random(), *rng.uniform(0.4, 0.8, 2).tolist(), _regions(rng)) for _ in range(2)
    )
    return ImageRecord(f"{HOSTILE}.png", hospital, split, first, second)


def _regions(rng: np.random.Generator) -> dict[str, RoiMetrics]:
    return {structure: RoiMetrics(*rng.uniform(0.05, 0.2, 2).tolist(), 18.0) for structure in ("NT", HOSTILE)}


def _panel(folder: Path, rng: np.random.Generator) -> Panel:
    shape, roi = (192, 256), Roi("NT", 100, 60, 120, 160)
    images = [rng.random(shape).astype(np.float32) for _ in range(3)]
    rows = tuple(PanelRow(rank, *images, roi) for rank in ("best", "worst"))
    write_panel(folder / "panel.png", draw_panel(rows, title="x", synthetic=True))
    examples = tuple(Example(row.caption, 11 + at, panel_cells(at, shape, roi)) for at, row in enumerate(rows))
    return Panel("panel.png", sha256_file(folder / "panel.png"), HELD_OUT, HOSTILE, examples)
