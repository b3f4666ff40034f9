"""What a reconstruction loses inside a region of interest, and over the whole image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi
from edge_nt.metrics.image_pair import Image, image_pair
from edge_nt.metrics.psnr import psnr, psnr_of_error
from edge_nt.metrics.sobel import sobel_gradients
from edge_nt.metrics.ssim import ms_ssim, ssim


@dataclass(frozen=True)
class RoiMetrics:
    """Losses inside one region: `mae` and `edge_mae` in [0, 1] (lower is better), `psnr` in dB, at most 100."""

    mae: float
    edge_mae: float
    psnr: float

    def __post_init__(self) -> None:
        _refuse_non_finite((self.mae, self.edge_mae, self.psnr))


@dataclass(frozen=True)
class ImageMetrics:
    """Full-reference metrics of one image, and of each structure by name that the image has a region of."""

    psnr_db: float
    ssim: float
    ms_ssim: float
    regions: dict[str, RoiMetrics]

    def __post_init__(self) -> None:
        _refuse_non_finite((self.psnr_db, self.ssim, self.ms_ssim))


def roi_metrics(reference: Image, candidate: Image, roi: Roi) -> RoiMetrics:
    """Metrics of two images (H, W) in [0, 1] over the pixels that `roi`, in pixels of these images, touches.

    Edge-MAE is the mean |G(candidate) − G(reference)| over both signed Sobel gradients, so that only an edge in its
    right place lowers it. They are taken on the whole image, so that the border of the region is no edge.
    Raises: InputError for images that cannot be compared, or a region that lies outside them.
    """
    first, second = image_pair(reference, candidate)
    height, width = first.shape
    if not roi.overlaps(height, width):
        raise InputError(
            expected=f"a {roi.structure} region that overlaps the image of {height}x{width} px",
            got=f"rows {roi.h_min:g} to {roi.h_max:g}, columns {roi.w_min:g} to {roi.w_max:g}",
            fix="map the region with Affine.to_network, or mend it in boxes.csv",
        )
    error = roi.inside(second) - roi.inside(first)
    edge_error = roi.inside(sobel_gradients(second) - sobel_gradients(first))
    return RoiMetrics(float(np.mean(np.abs(error))), float(np.mean(np.abs(edge_error))), psnr_of_error(error))


def image_metrics(reference: Image, candidate: Image, rois: Sequence[Roi]) -> ImageMetrics:
    """Every full-reference metric of two images (H, W) in [0, 1], sides above 160 px; `rois` have a structure each.

    Raises: InputError for images that cannot be compared, or a region that lies outside them.
    """
    return ImageMetrics(
        psnr(reference, candidate),
        ssim(reference, candidate),
        ms_ssim(reference, candidate),
        {roi.structure: roi_metrics(reference, candidate, roi) for roi in rois},
    )


def _refuse_non_finite(values: tuple[float, ...]) -> None:
    if not all(math.isfinite(value) for value in values):
        raise InputError(expected="finite metrics", got=f"{values}", fix="look for NaN in what the model put out")
