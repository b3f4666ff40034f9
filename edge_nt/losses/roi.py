"""Losses inside a region of interest: L1 and the L1 of normalised Sobel edges. The torch twins of `metrics`."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor

# Keeps the gradient of the square root finite on flat black; 1e-12 shifts an edge of 1/255 by less than 1e-7.
_EPSILON = 1e-12


def sobel_magnitude(images: Tensor) -> Tensor:
    """Normalised Sobel magnitude of (N, 1, H, W) in [0, 1] → (N, 1, H, W) in [0, 0.5].

    The kernels' absolute weights sum to 1 and the magnitude is √((gx² + gy²)/2): half of scikit-image's
    `filters.sobel`, whose weights sum to 2. Borders are mirrored with the edge pixel repeated.
    """
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    rows = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    columns = padded[..., :, :-2] + 2 * padded[..., :, 1:-1] + padded[..., :, 2:]
    horizontal = (rows[..., :, 2:] - rows[..., :, :-2]) / 8
    vertical = (columns[..., 2:, :] - columns[..., :-2, :]) / 8
    return torch.sqrt((horizontal**2 + vertical**2) / 2 + _EPSILON)


def roi_l1(candidate: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error inside the ROI, averaged per image and then over the images that have one.

    `candidate`, `reference`: (N, 1, H, W) in [0, 1]; `mask`: (N, 1, H, W), 1 inside the ROI, all 0 for an image
    without a box. A batch without any box gives 0 with a zero gradient.
    """
    inside = mask.flatten(1).sum(1)
    errors = ((candidate - reference).abs() * mask).flatten(1).sum(1) / inside.clamp(min=1)
    return errors.sum() / (inside > 0).sum().clamp(min=1)


def roi_edge_l1(candidate: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """`roi_l1` between the normalised Sobel magnitudes of the whole images; shapes as there."""
    return roi_l1(sobel_magnitude(candidate), sobel_magnitude(reference), mask)
