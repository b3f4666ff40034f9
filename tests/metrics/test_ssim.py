from __future__ import annotations

import cv2
import numpy as np
import pytest
import pytorch_msssim
import torch
from skimage.metrics import structural_similarity

from edge_nt.errors import InputError
from edge_nt.metrics.ssim import ms_ssim, ssim


def _pair(height: int, width: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth image and a noisy copy, float32 in [0, 1]."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    smooth = 0.5 + 0.3 * np.sin(rows / 9) * np.cos(columns / 13) + 0.1 * generator.random((height, width))
    noisy = smooth + noise * generator.standard_normal((height, width))
    return np.clip(smooth, 0, 1).astype(np.float32), np.clip(noisy, 0, 1).astype(np.float32)


# pytorch-msssim makes its window in float32; given one in float64, it must agree to rounding.
_WINDOW = torch.from_numpy(cv2.getGaussianKernel(11, 1.5).T[None, None])


def _tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float64))[None, None]


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.5])
def test_ssim_equals_pytorch_msssim_and_scikit_image(noise: float) -> None:
    first, second = _pair(192, 256, noise)
    ours = ssim(first, second)
    theirs = float(pytorch_msssim.ssim(_tensor(first), _tensor(second), data_range=1.0))
    assert ours == pytest.approx(theirs, abs=5e-6)
    exact = float(pytorch_msssim.ssim(_tensor(first), _tensor(second), data_range=1.0, win=_WINDOW))
    assert ours == pytest.approx(exact, abs=1e-12)
    scikit = structural_similarity(
        first.astype(np.float64),
        second.astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    # scikit-image crops the same 5 px margin; only the rounding of the window differs.
    assert ours == pytest.approx(scikit, abs=1e-9)


@pytest.mark.parametrize("shape", [(192, 256), (161, 163), (193, 255)])
@pytest.mark.parametrize("noise", [0.02, 0.4])
def test_ms_ssim_equals_pytorch_msssim_for_even_and_odd_sides(shape: tuple[int, int], noise: float) -> None:
    first, second = _pair(*shape, noise)
    theirs = float(pytorch_msssim.ms_ssim(_tensor(first), _tensor(second), data_range=1.0))
    assert ms_ssim(first, second) == pytest.approx(theirs, abs=5e-6)
    exact = float(pytorch_msssim.ms_ssim(_tensor(first), _tensor(second), data_range=1.0, win=_WINDOW))
    assert ms_ssim(first, second) == pytest.approx(exact, abs=1e-12)


def test_a_negative_scale_counts_as_zero_as_in_pytorch_msssim() -> None:
    first, _ = _pair(192, 192, 0.0)
    inverted = (1 - first).astype(np.float32)
    assert float(pytorch_msssim.ms_ssim(_tensor(first), _tensor(inverted), data_range=1.0)) == 0.0
    assert ms_ssim(first, inverted) == 0.0
    assert ssim(first, inverted) < 0.0


def test_equal_images_are_one() -> None:
    first, _ = _pair(192, 256, 0.0)
    assert ssim(first, first) == pytest.approx(1.0, abs=1e-12)
    assert ms_ssim(first, first) == pytest.approx(1.0, abs=1e-12)


def test_refuses_images_too_small_for_the_window() -> None:
    small = np.zeros((160, 256), np.float32)
    with pytest.raises(InputError, match="160"):
        ms_ssim(small, small)
    tiny = np.zeros((10, 256), np.float32)
    with pytest.raises(InputError, match="11 px"):
        ssim(tiny, tiny)
