"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge_nt.metrics.image_pair import Image, image_pair

# A mean squared error below this counts as this, so that PSNR ends at 100 dB and never is infinite (JSON has no such
# number, and one infinite frame would swallow a mean). Two 8-bit frames of up to 150 000 px that differ by one gray
# level in one pixel lie above it, so at the network's default size the cap is reached by equal frames only.
SMALLEST_MSE = 1e-10


def psnr(reference: Image, candidate: Image) -> float:
    """PSNR in dB of two images (H, W) in [0, 1], at most 100 dB, which equal images get.

    The variant with data range 1 over every pixel given. Raises: InputError for images that cannot be compared.
    """
    first, second = image_pair(reference, candidate)
    return psnr_of_error(second - first)


def psnr_of_error(error: NDArray[np.float64]) -> float:
    """PSNR in dB, at most 100, of an error image of any shape with data range 1."""
    return -10.0 * math.log10(max(float(np.mean(np.square(error))), SMALLEST_MSE))
