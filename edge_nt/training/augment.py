"""Whole-batch augmentation: frames and their ROI masks move together, brightness changes the frames alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor

from edge_nt.training.recipe import Augmentation


@dataclass(frozen=True)
class Draws:
    """Chance, for each of N frames: `theta` (N, 2, 3) moves it, `gain`, `gamma` and `slope` (N,) brighten it."""

    theta: Tensor
    gain: Tensor
    gamma: Tensor
    slope: Tensor

    def __getitem__(self, which: slice) -> Draws:
        return Draws(self.theta[which], self.gain[which], self.gamma[which], self.slope[which])


def draw(count: int, settings: Augmentation, generator: torch.Generator) -> Draws:
    """Random flips, sizes, shifts, gains, gammas and time-gain slopes for `count` frames.

    `generator` and the draws live on the CPU, so that a seed means the same on every device.
    """

    def uniform(half_width: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * half_width

    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    smallest, largest = math.log(settings.scale_min), math.log(settings.scale_max)
    scale = torch.exp(torch.rand(count, generator=generator) * (largest - smallest) + smallest)
    # Grid coordinates run from -1 to 1 over the frame. A frame drawn smaller may go anywhere it still fits.
    reach = 2 * settings.shift + (1 / scale - 1).clamp(min=0)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = flip / scale if settings.flip else 1 / scale
    theta[:, 1, 1] = 1 / scale
    theta[:, 0, 2] = uniform(1) * reach
    theta[:, 1, 2] = uniform(1) * reach
    return Draws(theta, 2 ** uniform(settings.gain), 2 ** uniform(settings.gamma), uniform(settings.time_gain))


def augment(frames: Tensor, masks: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Moved and brightened copies of frames (N, 1, H, W) in [0, 1], and masks (N, K, H, W) moved with them."""
    grid = F.affine_grid(draws.theta.to(frames.device), list(frames.shape), align_corners=False)
    moved = F.grid_sample(frames, grid, mode="bilinear", align_corners=False)
    masks = F.grid_sample(masks, grid, mode="nearest", align_corners=False)
    per_frame = (part.to(frames.device).view(-1, 1, 1, 1) for part in (draws.gain, draws.gamma, draws.slope))
    gain, gamma, slope = per_frame
    depth = torch.linspace(-1, 1, frames.shape[2], device=frames.device).view(1, 1, -1, 1)
    # The floor keeps the power's gradient-free value finite at black; speckle is far above it.
    return (moved.clamp(min=1e-6) ** gamma * gain * 2 ** (slope * depth)).clamp(0, 1), masks
