"""Whole-batch augmentation: frames and their ROI masks move together, brightness changes the frames alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor

from edge_nt.training.recipe import Augmentation


def augment(frames: Tensor, masks: Tensor, settings: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Randomly flipped, zoomed, shifted and brightened copies of frames (N, 1, H, W) in [0, 1] and masks alike.

    `generator` lives on the CPU, so that a seed means the same on every device.
    """
    count = frames.shape[0]

    def uniform(half_width: float) -> Tensor:
        return ((torch.rand(count, generator=generator) * 2 - 1) * half_width).to(frames.device)

    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0).to(frames.device)
    zoom = 1 / (1 + uniform(settings.scale))
    theta = torch.zeros(count, 2, 3, device=frames.device)
    theta[:, 0, 0] = zoom * flip if settings.flip else zoom
    theta[:, 1, 1] = zoom
    theta[:, 0, 2] = uniform(settings.shift) * 2
    theta[:, 1, 2] = uniform(settings.shift) * 2
    gain, gamma = 1 + uniform(settings.gain), 2 ** uniform(settings.gamma)

    grid = F.affine_grid(theta, list(frames.shape), align_corners=False)
    moved = F.grid_sample(frames, grid, mode="bilinear", align_corners=False)
    masks = F.grid_sample(masks, grid, mode="nearest", align_corners=False)
    shape = (count, 1, 1, 1)
    # The floor keeps the power's gradient-free value finite at black; speckle is far above it.
    return (moved.clamp(min=1e-6) ** gamma.view(shape) * gain.view(shape)).clamp(0, 1), masks
