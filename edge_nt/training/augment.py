"""Whole-batch augmentation: frames and their ROI masks move together, brightness changes the frames alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor

from edge_nt.training.recipe import Augmentation


@dataclass(frozen=True)
class Draws:
    """What chance decided for each of N frames: `theta` (N, 2, 3) moves it, `gain` and `gamma` (N,) brighten it."""

    theta: Tensor
    gain: Tensor
    gamma: Tensor

    def __getitem__(self, which: slice) -> Draws:
        return Draws(self.theta[which], self.gain[which], self.gamma[which])


def draw(count: int, settings: Augmentation, generator: torch.Generator) -> Draws:
    """Random flips, zooms, shifts, gains and gammas for `count` frames.

    `generator` and the draws live on the CPU, so that a seed means the same on every device.
    """

    def uniform(half_width: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * half_width

    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    zoom = 1 / (1 + uniform(settings.scale))
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = zoom * flip if settings.flip else zoom
    theta[:, 1, 1] = zoom
    theta[:, 0, 2] = uniform(settings.shift) * 2
    theta[:, 1, 2] = uniform(settings.shift) * 2
    return Draws(theta, 1 + uniform(settings.gain), 2 ** uniform(settings.gamma))


def augment(frames: Tensor, masks: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Moved and brightened copies of frames (N, 1, H, W) in [0, 1], and masks alike moved with them."""
    grid = F.affine_grid(draws.theta.to(frames.device), list(frames.shape), align_corners=False)
    moved = F.grid_sample(frames, grid, mode="bilinear", align_corners=False)
    masks = F.grid_sample(masks, grid, mode="nearest", align_corners=False)
    gain, gamma = (part.to(frames.device).view(-1, 1, 1, 1) for part in (draws.gain, draws.gamma))
    # The floor keeps the power's gradient-free value finite at black; speckle is far above it.
    return (moved.clamp(min=1e-6) ** gamma * gain).clamp(0, 1), masks
