"""Structural similarity, on one scale and on five."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.metrics.image_pair import Image, image_pair

WINDOW_PX = 11
SIGMA_PX = 1.5
K1 = 0.01
K2 = 0.03
# Wang, Simoncelli and Bovik 2003, table of the five-scale weights.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Four halvings must leave more than the 10 px that an 11 px window takes away.
LARGEST_TOO_SMALL_PX = (WINDOW_PX - 1) * 2 ** (len(SCALE_WEIGHTS) - 1)


def ssim(reference: Image, candidate: Image) -> float:
    """Mean SSIM of two images (H, W) in [0, 1]; 1 for equal images, below 0 is possible.

    Variant of Wang et al. 2004: Gaussian window of 11 px and sigma 1.5, K1 = 0.01, K2 = 0.03, weighted (not sample)
    covariance, mean over the positions where the window fits inside the image.
    Raises: InputError for images that cannot be compared or are smaller than the window.
    """
    first, second = image_pair(reference, candidate)
    if min(first.shape) < WINDOW_PX:
        raise _too_small(f"at least {WINDOW_PX} px", first.shape)
    return _similarity(first, second)[0]


def ms_ssim(reference: Image, candidate: Image) -> float:
    """Five-scale MS-SSIM of two images (H, W) in [0, 1], sides above 160 px; within [0, 1].

    Variant of pytorch-msssim, which training uses: the window of `ssim`, 2 × 2 means between the scales (an odd side
    gets a line of zeros in front), and a negative term of any scale counts as 0. Equal to it to rounding with a
    float64 window; its own window is made in float32, which moves results by up to some 2e-6.
    Raises: InputError for images that cannot be compared or are too small.
    """
    first, second = image_pair(reference, candidate)
    if min(first.shape) <= LARGEST_TOO_SMALL_PX:
        raise _too_small(f"more than {LARGEST_TOO_SMALL_PX} px", first.shape)
    product = 1.0
    for scale, weight in enumerate(SCALE_WEIGHTS):
        similarity, contrast = _similarity(first, second)
        is_last = scale == len(SCALE_WEIGHTS) - 1
        product *= max(similarity if is_last else contrast, 0.0) ** weight
        first, second = _halve(first), _halve(second)
    return product


def _similarity(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float]:
    """Mean SSIM and mean contrast-structure term over the valid positions."""
    stabiliser_1, stabiliser_2 = K1**2, K2**2
    mean_1, mean_2 = _window_mean(first), _window_mean(second)
    variance_1 = _window_mean(first * first) - mean_1 * mean_1
    variance_2 = _window_mean(second * second) - mean_2 * mean_2
    covariance = _window_mean(first * second) - mean_1 * mean_2
    contrast = (2 * covariance + stabiliser_2) / (variance_1 + variance_2 + stabiliser_2)
    luminance = (2 * mean_1 * mean_2 + stabiliser_1) / (mean_1 * mean_1 + mean_2 * mean_2 + stabiliser_1)
    return float(np.mean(luminance * contrast)), float(np.mean(contrast))


def _window_mean(image: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel = cv2.getGaussianKernel(WINDOW_PX, SIGMA_PX, cv2.CV_64F)
    margin = WINDOW_PX // 2
    filtered = cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel)
    return np.asarray(filtered[margin:-margin, margin:-margin], np.float64)


def _halve(image: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = image.shape
    padded = np.pad(image, ((height % 2, 0), (width % 2, 0)))
    blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float64)


def _too_small(sides: str, shape: tuple[int, ...]) -> InputError:
    return InputError(expected=f"images with {sides} a side", got=f"{shape} (H, W)", fix="use a larger network input")
