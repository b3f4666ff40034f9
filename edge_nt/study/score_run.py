"""A finished stage of a run over source validation and the unseen site, image by image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_nt.caliper.caliper import measure_thickness
from edge_nt.datasets.dataset import Row
from edge_nt.evaluation.stage_pass import reconstruct
from edge_nt.imaging.letterbox import affine_for, to_unit_range
from edge_nt.imaging.roi import Roi
from edge_nt.metrics.psnr import psnr
from edge_nt.metrics.roi_metrics import roi_metrics
from edge_nt.metrics.ssim import ms_ssim
from edge_nt.study.scores import SOURCE_VALIDATION, UNSEEN, ImageScore, RegionScore
from edge_nt.training.checkpoint import load_model
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import RunFrames, frames_of, read_run_frames

_BATCH_SIZE = 16

Picture = NDArray[np.float32]


def score_run(
    run: Path, stage: str, on_image: Callable[[int, int], None] = lambda _done, _total: None
) -> tuple[ImageScore, ...]:
    """Score the model after `stage` (``stage1`` or ``stage2``) in float32 on the CPU, as `edge-nt evaluate` does.

    `on_image` gets the images done and in all. Raises: InputError and LeakageError as reading a run's frames does.
    """
    source, model = read_run_frames(read_run(run), None), load_model(run, stage)
    sides = ((SOURCE_VALIDATION, source.split.val), (UNSEEN, source.split.held_out))
    total = sum(len(rows) for _, rows in sides)
    scores: list[ImageScore] = []
    for side, rows in sides:
        for first in range(0, len(rows), _BATCH_SIZE):
            batch = rows[first : first + _BATCH_SIZE]
            frames = frames_of(source, batch)
            for row, scan, picture in zip(
                batch, to_unit_range(frames)[:, 0], reconstruct(model, frames)[1], strict=True
            ):
                scores.append(_score(source, row, side, scan, picture))
                on_image(len(scores), total)
    return tuple(scores)


def _score(source: RunFrames, row: Row, side: str, scan: Picture, picture: Picture) -> ImageScore:
    box = source.dataset.roi(row, source.info.structures[0])
    region = None
    if box is not None:
        position = next(index for index, each in enumerate(source.dataset.rows) if each.file == row.file)
        height, width = (int(length) for length in source.cached.sizes[position])
        region = _region(scan, picture, affine_for(height, width, source.info.preprocess).to_network(box))
    site = source.split.site_of(row)
    return ImageScore(row.file, side, site, psnr(scan, picture), ms_ssim(scan, picture), region)


def _region(scan: Picture, picture: Picture, roi: Roi) -> RegionScore:
    metrics = roi_metrics(scan, picture, roi)
    readings = (measure_thickness(image, roi).measurable for image in (scan, picture))
    return RegionScore(metrics.mae, metrics.edge_mae, metrics.psnr, *readings)
