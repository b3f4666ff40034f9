"""PNG, JPEG, TIFF and BMP bytes → gray uint8, refusing whatever is not whole."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.imaging.complaints import captured_complaints
from edge_nt.imaging.container import read_container

# Of a decoded image; the largest ultrasound frames are about 3 megapixels. Read from the header, before decoding.
MAX_MEGAPIXELS = 64

# What the decoders print when they go on with missing data; their other lines (colour profiles) are harmless.
_MISSING_DATA = ("Corrupt JPEG data", "Premature end of JPEG", "TIFF_Error")


def decode_picture(data: bytes) -> NDArray[np.uint8]:
    """Decode a picture file to gray uint8 (H, W); 16 bits are scaled to 8, colour becomes luma, alpha is dropped.

    Orientation tags are not applied: boxes are in stored pixels. Raises: ValueError with what is wrong.
    """
    container = read_container(data)
    refuse_huge(container.height, container.width)
    with captured_complaints() as complaints:
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            image = None
    if image is None or any(mark in line for mark in _MISSING_DATA for line in complaints):
        raise ValueError(f"damaged {container.kind.upper()}")
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{container.kind.upper()} of {image.dtype} values (expected 8 or 16 bits)")
    return to_gray(np.asarray(image), white=255 if image.dtype == np.uint8 else 65535)


def to_gray(image: NDArray[Any], *, white: int, rgb: bool = False) -> NDArray[np.uint8]:
    """Gray (H, W), or colour (H, W, 3 or 4) in OpenCV's BGR order unless `rgb`, in [0, white] → gray uint8 (H, W)."""
    gray = image
    if image.ndim == 3:
        gray = np.asarray(cv2.cvtColor(image[..., :3], cv2.COLOR_RGB2GRAY if rgb else cv2.COLOR_BGR2GRAY))
    if white == 255:
        return np.asarray(gray, np.uint8)
    # Rounded to nearest: for 16 bits this is the division by 257.
    scaled = (np.minimum(gray, white).astype(np.uint32) * 255 + white // 2) // white
    return np.asarray(scaled, np.uint8)


def refuse_huge(height: int, width: int) -> None:
    """Raises: ValueError when an image of this size would take an absurd amount of memory to decode."""
    if height * width > MAX_MEGAPIXELS * 1_000_000:
        raise ValueError(f"{width}x{height} px (at most {MAX_MEGAPIXELS} megapixels are decoded)")
