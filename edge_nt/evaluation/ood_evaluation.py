"""How well the latents of a stage tell other frames from those of the hospitals that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.evaluation.evaluation_result import OodComparison, StageOod
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Preprocess, letterbox
from edge_nt.metrics.roc import auroc, fpr_at_tpr
from edge_nt.ood.mahalanobis import OodModel, fit_ood, ood_scores
from edge_nt.sources.image_files import image_files

Latents = NDArray[np.float32]
KEPT_SHARE = 0.95


def evaluate_ood(
    stage: str, training: Latents, hospitals: Sequence[str], validation: Latents, others: Mapping[str, Latents]
) -> StageOod:
    """Fit on training latents (N, D), set the threshold on validation (M, D), compare with each of `others` (K, D).

    Validation is both what the threshold is set on and the in-distribution side of the figures: it was never fitted.
    Raises: InputError when latents are missing or not finite.
    """
    model: OodModel = fit_ood(training, hospitals, validation, KEPT_SHARE)
    inside = ood_scores(model, validation)
    comparisons = []
    for name, latents in others.items():
        outside = ood_scores(model, latents)
        figures = auroc(inside, outside), fpr_at_tpr(inside, outside, KEPT_SHARE)
        median = float(np.median(outside))
        comparisons.append(OodComparison(name, len(latents), median, *figures, tuple(outside.tolist())))
    return StageOod(
        stage,
        model.hospitals,
        len(training),
        len(validation),
        float(np.median(inside)),
        tuple(inside.tolist()),
        model.threshold,
        model.quantile,
        model.shrinkage,
        tuple(comparisons),
    )


def read_ood_folders(
    folders: Sequence[Path], preprocess: Preprocess, *, filled: bool = False
) -> dict[str, NDArray[np.uint8]]:
    """Preprocessed frames uint8 (N, H, W) of every image below each folder, under the folder's name.

    `filled` crops each picture about its middle to the shape of the network input, so that no bars are needed.

    Raises: InputError when a folder is missing, has no image or an unreadable one, or two have one name.
    """
    frames: dict[str, NDArray[np.uint8]] = {}
    for folder in folders:
        name = folder.resolve().name
        if not folder.is_dir() or name in frames:
            raise InputError(
                expected="--ood folders of images, each with its own name",
                got=f"{folder}, " + ("a second one of that name" if name in frames else "which is no folder"),
                fix="correct or rename the folder",
            )
        with ThreadPoolExecutor() as pool:  # OpenCV decodes and resizes outside the interpreter lock
            boxed = pool.map(lambda path: _boxed(path, preprocess, filled), image_files([folder]))
        frames[name] = np.stack(list(boxed))
    return frames


def _boxed(path: Path, preprocess: Preprocess, filled: bool) -> NDArray[np.uint8]:
    pixels = decode_image(path).pixels
    if filled:
        scale = min(pixels.shape[0] / preprocess.height, pixels.shape[1] / preprocess.width)
        height, width = (max(1, round(side * scale)) for side in (preprocess.height, preprocess.width))
        top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
        pixels = np.ascontiguousarray(pixels[top : top + height, left : left + width])
    return letterbox(pixels, preprocess)
