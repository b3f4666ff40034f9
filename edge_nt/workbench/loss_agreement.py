"""Whether two ways to train agree: their MS-SSIM to the digit, their loss curves against the noise of a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_nt.losses.ms_ssim import ms_ssim
from edge_nt.workbench.plain_recipe import plain_ms_ssim
from edge_nt.workbench.training_speed_result import CurveGap, LossCurve, LossEquality


def loss_curve(name: str, seed: int, losses: Sequence[float]) -> LossCurve:
    """The curve as it is stored."""
    return LossCurve(name, seed, " ".join(str(round(loss * 1e6)) for loss in losses))


def curve_losses(curve: LossCurve) -> NDArray[np.float64]:
    """The losses (steps,) of a stored curve."""
    return np.array([int(word) for word in curve.loss_millionths.split()], np.float64) / 1e6


def curve_gap(first: LossCurve, second: LossCurve, smoothing_steps: int) -> CurveGap:
    """Largest and mean distance of two curves of one length, each a moving mean over `smoothing_steps`."""
    window = np.full(smoothing_steps, 1 / smoothing_steps)
    one, other = (np.convolve(curve_losses(curve), window, mode="valid") for curve in (first, second))
    distance = np.abs(one - other)
    return CurveGap(first.name, second.name, float(distance.max()), float(distance.mean()))


def loss_equality(pairs: Iterable[tuple[Tensor, Tensor]], *, inside_bf16_autocast: bool) -> LossEquality:
    """Ours against pytorch-msssim on (reconstructions, scans), float32 (N, 1, H, W) each; theirs runs outside autocast.

    Value and gradient with respect to the reconstruction.
    """
    images, values, gradients = 0, [0.0], [0.0]
    for candidate, reference in pairs:
        with torch.autocast(candidate.device.type, torch.bfloat16, enabled=inside_bf16_autocast):
            value, gradient = _with_gradient(ms_ssim, candidate, reference)
        their_value, their_gradient = _with_gradient(plain_ms_ssim, candidate, reference)
        images += len(candidate)
        values.append(abs(value - their_value))
        gradients.append(float((gradient - their_gradient).norm() / their_gradient.norm()))
    return LossEquality(images, inside_bf16_autocast, max(values), max(gradients))


def _with_gradient(
    similarity: Callable[[Tensor, Tensor], Tensor], candidate: Tensor, reference: Tensor
) -> tuple[float, Tensor]:
    moved = candidate.detach().clone().requires_grad_()
    value = similarity(moved, reference)
    (gradient,) = torch.autograd.grad(value, moved)
    return float(value.detach()), gradient
