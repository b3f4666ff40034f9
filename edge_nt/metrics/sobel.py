"""The normalised Sobel gradient."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.metrics.image_pair import Image, image_in_unit_range

# The absolute weights of the outer product sum to 1: a gradient is the change of gray per pixel, within [-0.5, 0.5].
SMOOTHING = np.array([1.0, 2.0, 1.0]) / 4
DIFFERENCE = np.array([1.0, 0.0, -1.0]) / 2


def sobel_gradients(image: Image) -> NDArray[np.float64]:
    """Vertical and horizontal gradient (2, H, W) in [-0.5, 0.5] of an image (H, W) in [0, 1], in gray per pixel.

    Kernels whose absolute weights sum to 1 (kornia's ``normalized=True``), the border pixel repeated. scikit-image's
    `filters.sobel_h` and `filters.sobel_v`, whose absolute weights sum to 2, are exactly twice these.
    Raises: InputError when the image is not a gray image in [0, 1].
    """
    pixels = image_in_unit_range(image)
    # OpenCV correlates: the minus makes brighter below, or to the right, a positive gradient.
    vertical = -cv2.sepFilter2D(pixels, cv2.CV_64F, SMOOTHING, DIFFERENCE, borderType=cv2.BORDER_REFLECT)
    horizontal = -cv2.sepFilter2D(pixels, cv2.CV_64F, DIFFERENCE, SMOOTHING, borderType=cv2.BORDER_REFLECT)
    return np.stack([vertical, horizontal])
