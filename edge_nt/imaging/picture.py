"""PNG, JPEG, TIFF and BMP bytes → gray uint8, refusing whatever is not whole."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.imaging.complaints import captured_complaints
from edge_nt.imaging.container import read_container
from edge_nt.imaging.jpeg import without_harmless_faults
from edge_nt.imaging.png import pixel_chunks

# Of a decoded image; the largest ultrasound frames are about 3 megapixels. Read from the header, before decoding.
MAX_MEGAPIXELS = 64

_ROWS_AT_ONCE = 64
# By channels, and whether they begin with red.
_TO_GRAY = {
    (3, False): cv2.COLOR_BGR2GRAY,
    (3, True): cv2.COLOR_RGB2GRAY,
    (4, False): cv2.COLOR_BGRA2GRAY,
    (4, True): cv2.COLOR_RGBA2GRAY,
}
# What the decoders print when they go on with missing data; their other lines (colour profiles) are harmless.
_MISSING_DATA = (
    *("Corrupt JPEG data", "Premature end of JPEG", "TIFF_Error"),
    *("Inconsistent progression", "Invalid SOS parameters", "unknown JFIF revision", "Unknown Adobe color transform"),
)


def decode_picture(data: bytes) -> NDArray[np.uint8]:
    """Decode a picture file to gray uint8 (H, W); 16 bits are scaled to 8, colour becomes luma, alpha is dropped.

    Orientation tags are not applied, since boxes are in stored pixels; a TIFF that has one is refused, as its decoder
    would apply it. Raises: ValueError with what is wrong.
    """
    container = read_container(data)
    refuse_huge(container.height, container.width)
    if container.kind == "png":
        image = _decode_png(data)
    else:
        image = _decode_heard(without_harmless_faults(data) if container.kind == "jpeg" else data)
    if image is None:
        raise ValueError(f"damaged {container.kind.upper()}")
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{container.kind.upper()} of {image.dtype} values (expected 8 or 16 bits)")
    if image.shape[:2] != (container.height, container.width):
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise ValueError(
            f"damaged {container.kind.upper()} ({size} px instead of {container.width}x{container.height})"
        )
    white = 255 if image.dtype == np.uint8 else 65535
    if container.kind == "tiff" and _is_transparent(np.asarray(image)):
        raise ValueError("TIFF with transparent pixels (store it without alpha)")
    return to_gray(np.asarray(image), white=white)


def _is_transparent(image: NDArray[Any]) -> bool:
    """Whether a decoded TIFF's colours came multiplied by alpha, as those of 8 bits do: what it changed is lost."""
    return image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 4 and bool(image[..., 3].min() < 255)


def _decode_png(data: bytes) -> NDArray[Any] | None:
    # libpng refuses whatever is missing or wrong, so nobody has to hear it, and any number of threads may decode at
    # once. It speaks only of a file that was written wrong, checksums included: such a line may reach the screen.
    return _decode(pixel_chunks(data))


def _decode_heard(data: bytes) -> NDArray[Any] | None:
    # The other decoders go on with missing data and only say so, to stderr: one thread at a time.
    with captured_complaints() as complaints:
        image = _decode(data)
    return None if any(mark in line for mark in _MISSING_DATA for line in complaints) else image


def _decode(data: bytes) -> NDArray[Any] | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def to_gray(image: NDArray[Any], *, white: int, rgb: bool = False) -> NDArray[np.uint8]:
    """Gray (H, W), or colour (H, W, 3 or 4) in OpenCV's BGR order unless `rgb`, in [0, white] → gray uint8 (H, W).

    Raises: ValueError for another number of channels.
    """
    gray = image
    if image.ndim == 3:
        if (image.shape[2], rgb) not in _TO_GRAY:
            raise ValueError(f"picture of {image.shape[2]} channels (expected 1, 3 or 4)")
        gray = np.asarray(cv2.cvtColor(image, _TO_GRAY[image.shape[2], rgb]))
    if white == 255:
        return np.asarray(gray, np.uint8)
    scaled = np.empty(gray.shape, np.uint8)
    # A few rows at a time, since 32-bit numbers of the largest frame would take half a gigabyte.
    for start in range(0, len(gray), _ROWS_AT_ONCE):
        rows = np.minimum(gray[start : start + _ROWS_AT_ONCE], white).astype(np.uint32)
        # Rounded to nearest: for 16 bits this is the division by 257.
        scaled[start : start + _ROWS_AT_ONCE] = (rows * 255 + white // 2) // white
    return scaled


def refuse_huge(height: int, width: int) -> None:
    """Raises: ValueError when an image of this size would take an absurd amount of memory to decode."""
    if height * width > MAX_MEGAPIXELS * 1_000_000:
        raise ValueError(f"{width}x{height} px (at most {MAX_MEGAPIXELS} megapixels are decoded)")
