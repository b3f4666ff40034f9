"""The one preprocessing of edge-nt: gray frame → letterboxed network input, with the exact way back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi
from edge_nt.imaging.sector import mask_overlays

# MS-SSIM with five scales and an 11 px window needs more than 160 px a side; the encoder halves five times.
SMALLEST_SIDE_PX = 192
SIDE_MULTIPLE_PX = 64


@dataclass(frozen=True)
class Preprocess:
    """Settings of the preprocessing; they travel in the checkpoint and in the bundle.

    `height` and `width` of the network input in px: multiples of 64 from 192 up. `mask_overlays` blacks out
    whatever lies outside the ultrasound sector (text, rulers, thumbnails) before resizing.
    """

    height: int = 192
    width: int = 256
    mask_overlays: bool = False

    def __post_init__(self) -> None:
        for side in (self.height, self.width):
            if type(side) is not int or side < SMALLEST_SIDE_PX or side % SIDE_MULTIPLE_PX:
                raise InputError(
                    expected=f"input sides that are multiples of {SIDE_MULTIPLE_PX} px from {SMALLEST_SIDE_PX} up",
                    got=f"{self.height}x{self.width}",
                    fix="choose, for example, --height 192 --width 256",
                )
        if type(self.mask_overlays) is not bool:
            raise InputError(
                expected="mask_overlays, true or false", got=repr(self.mask_overlays), fix="correct the preprocessing"
            )


@dataclass(frozen=True)
class Affine:
    """Maps continuous pixel coordinates of the source frame to the network input: x' = x · scale + offset.

    The two scales differ by less than a pixel over the frame, since the resized frame has whole pixels.
    """

    scale_h: float
    scale_w: float
    offset_h: float
    offset_w: float

    def to_network(self, roi: Roi) -> Roi:
        """A region in source pixels → the same region in network-input pixels."""
        return roi.mapped(lambda h: h * self.scale_h + self.offset_h, lambda w: w * self.scale_w + self.offset_w)

    def to_source(self, roi: Roi) -> Roi:
        """A region in network-input pixels → the same region in source pixels."""
        return roi.mapped(lambda h: (h - self.offset_h) / self.scale_h, lambda w: (w - self.offset_w) / self.scale_w)

    def network_mm_per_px(self, source_mm_per_px: float) -> tuple[float, float]:
        """Millimetres per network-input pixel as (vertical, horizontal), from the source's spacing."""
        return source_mm_per_px / self.scale_h, source_mm_per_px / self.scale_w


@lru_cache(maxsize=256)  # a live source sends one size, and 20 µs a frame are a tenth of what preprocessing costs there
def affine_for(height: int, width: int, preprocess: Preprocess) -> Affine:
    """The affine that `letterbox` applies to a frame of (height, width) px."""
    scale = min(preprocess.height / height, preprocess.width / width)
    inner_h = min(max(round(height * scale), 1), preprocess.height)
    inner_w = min(max(round(width * scale), 1), preprocess.width)
    offset_h = (preprocess.height - inner_h) // 2
    offset_w = (preprocess.width - inner_w) // 2
    return Affine(inner_h / height, inner_w / width, float(offset_h), float(offset_w))


def letterbox(pixels: NDArray[np.uint8], preprocess: Preprocess) -> NDArray[np.uint8]:
    """Resize a gray uint8 frame (H, W) to (preprocess.height, preprocess.width), aspect kept, black bars around.

    Shrinking averages areas (no aliasing of speckle), growing is bilinear. The result stays uint8, so that a
    cached training frame and a live frame on the cart are the same to the bit.
    """
    height, width = pixels.shape
    affine = affine_for(height, width, preprocess)
    inner_h, inner_w = round(affine.scale_h * height), round(affine.scale_w * width)
    source = mask_overlays(pixels) if preprocess.mask_overlays else pixels
    shrinks = inner_h < height or inner_w < width
    resized = cv2.resize(source, (inner_w, inner_h), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    top, left = int(affine.offset_h), int(affine.offset_w)
    boxed = np.zeros((preprocess.height, preprocess.width), np.uint8)
    boxed[top : top + inner_h, left : left + inner_w] = resized
    return boxed


def to_unit_range(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 frames (N, H, W) → network input float32 (N, 1, H, W) in [0, 1]."""
    unit = np.empty((len(frames), 1, *frames.shape[1:]), np.float32)
    write_unit_range(frames, unit)
    return unit


def write_unit_range(frames: NDArray[np.uint8], images: NDArray[np.float32]) -> None:
    """`to_unit_range` of frames (N, H, W) into an array (N, 1, H, W) that the caller keeps."""
    # The type is said, because numpy 1 would divide bytes by a float32 scalar in float16.
    np.divide(frames[:, None], np.float32(255.0), out=images, dtype=np.float32)


def from_unit_range(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Network output float32 (N, 1, H, W), clipped to [0, 1] → uint8 frames (N, H, W)."""
    levels: NDArray[np.uint8] = np.rint(np.clip(images[:, 0], 0.0, 1.0) * 255.0).astype(np.uint8)
    return levels


def unletterbox(boxed: NDArray[np.uint8], height: int, width: int, preprocess: Preprocess) -> NDArray[np.uint8]:
    """Undo `letterbox`: crop the bars of a uint8 image and resize it back to (height, width)."""
    affine = affine_for(height, width, preprocess)
    top, left = int(affine.offset_h), int(affine.offset_w)
    inner_h, inner_w = round(affine.scale_h * height), round(affine.scale_w * width)
    inner = boxed[top : top + inner_h, left : left + inner_w]
    return np.asarray(cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
