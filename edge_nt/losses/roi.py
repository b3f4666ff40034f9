"""Losses inside a region of interest: L1 and the L1 of normalised Sobel gradients. The torch twins of `metrics`."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor


def sobel_gradients(images: Tensor) -> Tensor:
    """Normalised Sobel gradients of (N, 1, H, W) in [0, 1] → (N, 2, H, W) in [-0.5, 0.5]: vertical, horizontal.

    The kernels' absolute weights sum to 1: half of scikit-image's `filters.sobel_h` and `sobel_v`. The border pixel
    is repeated. Signed, not the magnitude: speckle cannot be predicted, and against its magnitude a decoder lowers
    the error by drawing any texture of the right strength (it drew a comb of four pixels); against the signed
    gradient only an edge in its right place pays.
    """
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    rows = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    columns = padded[..., :, :-2] + 2 * padded[..., :, 1:-1] + padded[..., :, 2:]
    vertical = (columns[..., 2:, :] - columns[..., :-2, :]) / 8
    horizontal = (rows[..., :, 2:] - rows[..., :, :-2]) / 8
    return torch.cat([vertical, horizontal], 1)


def count_with_roi(mask: Tensor) -> Tensor:
    """How many images of `mask` (N, 1, H, W) have a ROI."""
    return (mask.flatten(1).sum(1) > 0).sum()


def roi_l1(candidate: Tensor, reference: Tensor, mask: Tensor, count: Tensor | None = None) -> Tensor:
    """Mean absolute error inside the ROI, averaged per image and then over the images that have one.

    `candidate`, `reference`: (N, C, H, W), averaged over the channels; `mask`: (N, 1, H, W), 1 inside the ROI, all 0
    for an image without a box. A batch without any box gives 0 with a zero gradient. Where these images are a part of
    a batch, `count` is how many of the whole batch have a ROI, and the parts' losses sum to that of the batch.
    Raises: ValueError for a mask of several channels, which would be broadcast in silence.
    """
    if mask.shape[1] != 1:
        raise ValueError(f"Expected a mask (N, 1, H, W). Got {tuple(mask.shape)}. Fix: choose the channel of one term")
    inside = mask.flatten(1).sum(1)
    errors = (candidate - reference).abs().mean(1, keepdim=True)
    per_image = (errors * mask).flatten(1).sum(1) / inside.clamp(min=1)
    return per_image.sum() / (count_with_roi(mask) if count is None else count).clamp(min=1)


def roi_edge_l1(candidate: Tensor, reference: Tensor, mask: Tensor, count: Tensor | None = None) -> Tensor:
    """`roi_l1` between the normalised Sobel gradients of the whole images (N, 1, H, W) in [0, 1]."""
    return roi_l1(sobel_gradients(candidate), sobel_gradients(reference), mask, count)
