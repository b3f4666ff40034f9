"""The fast MS-SSIM against pytorch-msssim: value and gradient."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import pytorch_msssim
import torch

from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Preprocess, letterbox, to_unit_range
from edge_nt.losses.ms_ssim import ms_ssim
from edge_nt.phantom.generate import render_phantom


def _pair(height: int, width: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(3, 1, height // 8, width // 8, generator=generator)
    reference = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    noise = 0.2 * torch.randn(reference.shape, generator=generator)
    return (reference + noise).clamp(0, 1), reference


@pytest.mark.parametrize(("height", "width"), [(192, 256), (256, 320), (200, 248), (167, 181)])
@pytest.mark.parametrize("seed", [0, 1])
def test_value_and_gradient_equal_pytorch_msssim_to_1e_5(height: int, width: int, seed: int) -> None:
    _assert_equal_to_pytorch_msssim(*_pair(height, width, seed))


def _assert_equal_to_pytorch_msssim(candidate: torch.Tensor, reference: torch.Tensor) -> None:
    ours_in, theirs_in = (candidate.clone().requires_grad_() for _ in range(2))
    ours = ms_ssim(ours_in, reference)
    theirs = pytorch_msssim.ms_ssim(theirs_in, reference, data_range=1.0)
    assert abs(ours.item() - theirs.item()) < 1e-5
    (ours_gradient,) = torch.autograd.grad(ours, ours_in)
    (theirs_gradient,) = torch.autograd.grad(theirs, theirs_in)
    relative = (ours_gradient - theirs_gradient).norm() / theirs_gradient.norm()
    assert relative < 1e-5


def test_identical_images_score_one() -> None:
    candidate, _ = _pair(192, 256, 0)
    assert ms_ssim(candidate, candidate).item() == pytest.approx(1.0, abs=1e-6)


def test_autocast_does_not_lower_its_precision() -> None:
    candidate, reference = _pair(192, 256, 0)
    plain = ms_ssim(candidate, reference)
    with torch.autocast("cpu", torch.bfloat16):
        assert ms_ssim(candidate, reference).item() == plain.item()


def _blurred_pair(frames: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scans, and what is left of them after a strong blur: the kind of candidate that a decoder gives."""
    boxed = np.stack([letterbox(frame, Preprocess()) for frame in frames])
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in boxed])
    return torch.from_numpy(to_unit_range(soft)), torch.from_numpy(to_unit_range(boxed))


def test_equal_on_phantoms_inside_and_outside_bf16_autocast() -> None:
    candidate, reference = _blurred_pair([render_phantom(7, 0, index).frame.pixels for index in range(3)])
    _assert_equal_to_pytorch_msssim(candidate, reference)
    with torch.autocast("cpu", torch.bfloat16):
        inside = candidate.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(ms_ssim(inside, reference), inside)
    outside = candidate.clone().requires_grad_()
    (expected,) = torch.autograd.grad(pytorch_msssim.ms_ssim(outside, reference, data_range=1.0), outside)
    assert (gradient - expected).norm() / expected.norm() < 1e-5


@pytest.mark.real
@pytest.mark.skipif("EDGE_NT_REAL_DATA" not in os.environ, reason="EDGE_NT_REAL_DATA names no folder of real scans")
def test_equal_on_real_scans() -> None:
    files = sorted(Path(os.environ["EDGE_NT_REAL_DATA"]).rglob("*.png"))[:64:8]
    _assert_equal_to_pytorch_msssim(*_blurred_pair([decode_image(file).pixels for file in files]))


def test_a_step_that_moves_along_the_gradient_moves_the_value() -> None:
    candidate, reference = (part.double().float() for part in _pair(200, 248, 3))
    candidate.requires_grad_()
    value = ms_ssim(candidate, reference)
    (gradient,) = torch.autograd.grad(value, candidate)
    small = 1e-2 * gradient / gradient.norm()
    moved = ms_ssim((candidate + small).detach(), reference) - ms_ssim((candidate - small).detach(), reference)
    assert moved.item() == pytest.approx(2e-2 * gradient.norm().item(), rel=0.02)
