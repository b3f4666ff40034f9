"""The one check of what a full-reference metric may be given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError

Image = NDArray[np.float32] | NDArray[np.float64]


def image_in_unit_range(image: Image, name: str = "image") -> NDArray[np.float64]:
    """The gray image (H, W) with values in [0, 1], as float64 for exact sums.

    Raises: InputError when it is not two-dimensional floating point, is empty, or leaves [0, 1].
    """
    valid = image.ndim == 2 and image.size > 0 and np.issubdtype(image.dtype, np.floating)
    if not valid:
        raise InputError(
            expected=f"a gray floating-point {name} (H, W)",
            got=f"{image.dtype} {image.shape}",
            fix="pass one frame, scaled with edge_nt.imaging.letterbox.to_unit_range",
        )
    lowest, highest = float(image.min()), float(image.max())
    # Written so that NaN, which compares false with everything, is refused too.
    if not (lowest >= 0.0 and highest <= 1.0):
        raise InputError(
            expected=f"{name} values in [0, 1]",
            got=f"values from {lowest:g} to {highest:g}",
            fix="clip what a model put out, and divide 8-bit frames by 255",
        )
    return image.astype(np.float64)


def image_pair(reference: Image, candidate: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two gray images (H, W) of one shape with values in [0, 1], as float64.

    Raises: InputError when the shapes differ or either image is not a gray image in [0, 1].
    """
    if reference.shape != candidate.shape:
        raise InputError(
            expected="two images of one shape",
            got=f"{reference.shape} and {candidate.shape}",
            fix="compare images that went through the same preprocessing",
        )
    return image_in_unit_range(reference, "reference"), image_in_unit_range(candidate, "candidate")
