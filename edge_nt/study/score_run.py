"""A finished stage of a run over source validation and the unseen site, image by image."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge_nt.caliper.caliper import measure_thickness
from edge_nt.evaluation.stage_pass import reconstruct
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.imaging.roi import Roi
from edge_nt.metrics.roi_metrics import RoiMetrics, image_metrics
from edge_nt.study.scores import SOURCE_VALIDATION, UNSEEN, ImageScore, RegionScore
from edge_nt.training.checkpoint import load_model
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import frames_of, network_rois, read_run_frames, refuse_changed_data
from edge_nt.training.software import code_digest

_BATCH_SIZE = 16
# What decides a score: this file, the other one that it calls for it, and rooms.
_SCORING = ("caliper", "datasets", "evaluation/stage_pass.py", "imaging", "metrics", "model", "study/score_run.py")

Picture = NDArray[np.float32]


@cache
def this_scorer() -> str:
    """torch's version and a digest of the Python files that score."""
    return f"torch {torch.__version__}, code {code_digest(_SCORING)}"


def score_run(run: Path, stage: str, data_root: Path | None = None) -> tuple[ImageScore, ...]:
    """Score the model after `stage` (``stage1`` or ``stage2``) in float32 on the CPU, as `edge-nt evaluate` does.

    `data_root` is where the dataset lies now, where it has moved.
    Raises: InputError and LeakageError as reading a run's frames does.
    """
    source, model = read_run_frames(read_run(run), data_root), load_model(run, stage)
    refuse_changed_data(source, tables=False)
    sides = ((SOURCE_VALIDATION, source.split.val), (UNSEEN, source.split.held_out))
    scores: list[ImageScore] = []
    for side, rows in sides:
        for first in range(0, len(rows), _BATCH_SIZE):
            batch = rows[first : first + _BATCH_SIZE]
            frames, rois = frames_of(source, batch), network_rois(source, batch)
            pictures = reconstruct(model, frames)[1]
            for row, of_row, scan, picture in zip(batch, rois, to_unit_range(frames)[:, 0], pictures, strict=True):
                found = image_metrics(scan, picture, of_row)
                regions = {roi.structure: _region(scan, picture, roi, found.regions[roi.structure]) for roi in of_row}
                place = source.split.site_of(row)
                scores.append(ImageScore(row.file, side, place, found.psnr_db, found.ms_ssim, regions))
    return tuple(scores)


def _region(scan: Picture, picture: Picture, roi: Roi, metrics: RoiMetrics) -> RegionScore:
    readings = (measure_thickness(image, roi).measurable for image in (scan, picture))
    return RegionScore(metrics.mae, metrics.edge_mae, metrics.psnr, *readings)
