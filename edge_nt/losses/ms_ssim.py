"""MS-SSIM for training, with the Gaussian blur as sums of shifted images.

The value is pytorch-msssim's (Wang, Simoncelli, Bovik 2003: five scales, 11×11 Gaussian window of σ 1.5, valid
region, 2×2 average pooling between the scales); only the way there differs. A depth-wise convolution with one channel
runs on none of a processor's fast paths. Eleven scaled additions an axis, in place, do; and since the window is
symmetric, the blur's gradient is the same blur of the zero-padded gradient.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor

from edge_nt.metrics.ssim import K1, K2, SCALE_WEIGHTS, SIGMA_PX, WINDOW_PX

_RADIUS = WINDOW_PX // 2
_C1 = K1**2
_C2 = K2**2
_BELL = [math.exp(-(offset**2) / (2 * SIGMA_PX**2)) for offset in range(_RADIUS + 1)]
# The window from its centre outwards; every weight but the centre's stands twice in it.
_WINDOW = [value / (2 * sum(_BELL) - _BELL[0]) for value in _BELL]


def _blur_axis(images: Tensor, axis: int) -> Tensor:
    length = images.shape[axis] - 2 * _RADIUS
    blurred = images.narrow(axis, _RADIUS, length) * _WINDOW[0]
    for offset in range(1, _RADIUS + 1):
        for start in (_RADIUS - offset, _RADIUS + offset):
            blurred.add_(images.narrow(axis, start, length), alpha=_WINDOW[offset])
    return blurred


class _Blur(torch.autograd.Function):
    """(N, H, W) → (N, H - 10, W - 10), where the window fits inside the image."""

    @staticmethod
    def forward(_context: torch.autograd.function.FunctionCtx, images: Tensor) -> Tensor:
        return _blur_axis(_blur_axis(images, 1), 2)

    @staticmethod
    def backward(_context: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        margin = [2 * _RADIUS] * 4
        return _blur_axis(_blur_axis(F.pad(gradient, margin), 1), 2)


def _blur(images: Tensor) -> Tensor:
    blurred: Tensor = _Blur.apply(images)  # type: ignore[no-untyped-call]
    return blurred


def _similarity(candidate: Tensor, reference: Tensor, *, with_luminance: bool) -> Tensor:
    """Per-image means (N,) at one scale of SSIM, or of its contrast-structure part alone; inputs (N, H, W)."""
    # Only the sum of the two variances is needed, so their squares share one blur. The reference's mean is apart,
    # because it needs no gradient.
    mean_r = _blur(reference)
    stack = torch.cat([candidate, candidate * reference, candidate * candidate + reference * reference])
    mean_c, product, squares = _blur(stack).chunk(3)
    mean_product, mean_squares = mean_c * mean_r, mean_c * mean_c + mean_r * mean_r
    similarity = (2 * (product - mean_product) + _C2) / (squares - mean_squares + _C2)
    if with_luminance:
        similarity = similarity * (2 * mean_product + _C1) / (mean_squares + _C1)
    return similarity.flatten(1).mean(1)


def ms_ssim(candidate: Tensor, reference: Tensor) -> Tensor:
    """Mean MS-SSIM of a batch: (N, 1, H, W) in [0, 1], sides above 160 px → scalar in [0, 1].

    Computed in float32 whatever the surrounding autocast says: the variances are small differences of large sums.
    """
    with torch.autocast(candidate.device.type, enabled=False):
        candidate, reference = candidate.float().squeeze(1), reference.float().squeeze(1)
        scores = []
        for scale, weight in enumerate(SCALE_WEIGHTS):
            if scale:
                # pytorch-msssim pads odd sides by one zero row or column before pooling; so do we.
                padding = [side % 2 for side in candidate.shape[-2:]]
                candidate = F.avg_pool2d(candidate, 2, padding=padding)
                reference = F.avg_pool2d(reference, 2, padding=padding)
            # Luminance counts at the coarsest scale only.
            similarity = _similarity(candidate, reference, with_luminance=scale == len(SCALE_WEIGHTS) - 1)
            scores.append(torch.relu(similarity) ** weight)
        return torch.stack(scores).prod(0).mean()
