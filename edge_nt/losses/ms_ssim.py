"""MS-SSIM for training, with the Gaussian blur as two banded matrix products.

The value is pytorch-msssim's (Wang, Simoncelli, Bovik 2003: five scales, 11×11 Gaussian window of σ 1.5, valid
region, 2×2 average pooling between the scales); only the blur differs. A depth-wise convolution with one channel
leaves a CPU's matrix units idle; the same filter as B_h · X · B_wᵀ, with banded matrices, keeps them busy.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor

_WINDOW = 11
_SIGMA = 1.5
_C1 = 0.01**2
_C2 = 0.03**2
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@functools.cache
def _band(size: int, device: torch.device) -> Tensor:
    """The (size - 10, size) matrix that applies the valid 1-D Gaussian window along an axis of `size` samples."""
    offsets = torch.arange(_WINDOW, dtype=torch.float32) - _WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    window = window / window.sum()
    band = torch.zeros(size - _WINDOW + 1, size)
    for row in range(band.shape[0]):
        band[row, row : row + _WINDOW] = window
    return band.to(device)


def _blur(images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    return _band(height, images.device) @ images @ _band(width, images.device).T


def _luminance_and_contrast(candidate: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Per-image means (N,) of SSIM and of its contrast-structure part at one scale; inputs (N, H, W)."""
    # Apart, because the reference's two need no gradient: blurred together, all five would be paid for backwards.
    mean_r, square_r = _blur(torch.cat([reference, reference * reference])).chunk(2)
    mean_c, square_c, product = _blur(torch.cat([candidate, candidate * candidate, candidate * reference])).chunk(3)
    variance_c = square_c - mean_c * mean_c
    variance_r = square_r - mean_r * mean_r
    covariance = product - mean_c * mean_r
    contrast = (2 * covariance + _C2) / (variance_c + variance_r + _C2)
    luminance = (2 * mean_c * mean_r + _C1) / (mean_c * mean_c + mean_r * mean_r + _C1)
    return (luminance * contrast).flatten(1).mean(1), contrast.flatten(1).mean(1)


def ms_ssim(candidate: Tensor, reference: Tensor) -> Tensor:
    """Mean MS-SSIM of a batch: (N, 1, H, W) in [0, 1], sides above 160 px → scalar in [0, 1].

    Computed in float32 whatever the surrounding autocast says: the variances are small differences of large sums.
    """
    with torch.autocast(candidate.device.type, enabled=False):
        candidate, reference = candidate.float().squeeze(1), reference.float().squeeze(1)
        scores = []
        for scale, weight in enumerate(_SCALE_WEIGHTS):
            if scale:
                # pytorch-msssim pads odd sides by one zero row or column before pooling; so do we.
                padding = [side % 2 for side in candidate.shape[-2:]]
                candidate = F.avg_pool2d(candidate, 2, padding=padding)
                reference = F.avg_pool2d(reference, 2, padding=padding)
            ssim, contrast = _luminance_and_contrast(candidate, reference)
            part = ssim if scale == len(_SCALE_WEIGHTS) - 1 else contrast
            scores.append(torch.relu(part) ** weight)
        return torch.stack(scores).prod(0).mean()
