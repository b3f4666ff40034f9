"""The normalised Sobel gradient magnitude."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.metrics.image_pair import Image, image_in_unit_range

# The absolute weights of the outer product sum to 1: a gradient is the change of gray per pixel, within [-0.5, 0.5].
SMOOTHING = np.array([1.0, 2.0, 1.0]) / 4
DIFFERENCE = np.array([1.0, 0.0, -1.0]) / 2


def sobel_magnitude(image: Image) -> NDArray[np.float64]:
    """Gradient magnitude (H, W) in [0, 0.5] of an image (H, W) in [0, 1], in gray per pixel.

    sqrt((gx² + gy²) / 2) with the border pixel repeated and kernels whose absolute weights sum to 1 (kornia's
    ``normalized=True``). scikit-image's `filters.sobel`, whose absolute weights sum to 2, is exactly twice this.
    Raises: InputError when the image is not a gray image in [0, 1].
    """
    pixels = image_in_unit_range(image)
    horizontal = cv2.sepFilter2D(pixels, cv2.CV_64F, DIFFERENCE, SMOOTHING, borderType=cv2.BORDER_REFLECT)
    vertical = cv2.sepFilter2D(pixels, cv2.CV_64F, SMOOTHING, DIFFERENCE, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.sqrt((horizontal * horizontal + vertical * vertical) / 2), np.float64)
