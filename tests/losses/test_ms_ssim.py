"""The fast MS-SSIM against pytorch-msssim: value and gradient."""

import pytest
import pytorch_msssim
import torch

from edge_nt.losses.ms_ssim import ms_ssim


def _pair(height: int, width: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(3, 1, height // 8, width // 8, generator=generator)
    reference = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    noise = 0.2 * torch.randn(reference.shape, generator=generator)
    return (reference + noise).clamp(0, 1), reference


@pytest.mark.parametrize(("height", "width"), [(192, 256), (256, 320), (200, 248), (167, 181)])
@pytest.mark.parametrize("seed", [0, 1])
def test_value_and_gradient_equal_pytorch_msssim_to_1e_5(height: int, width: int, seed: int) -> None:
    candidate, reference = _pair(height, width, seed)
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
