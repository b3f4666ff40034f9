"""One decoded ultrasound frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError

# From 4 cm of depth on 4,000 rows to 30 cm on the 64 that are the fewest of an image here. What lies beyond is a slip
# of unit, such as micrometres or metres, and every thickness in millimetres would be as wrong.
SMALLEST_MM_PER_PX, LARGEST_MM_PER_PX = 0.01, 5.0


def is_spacing(mm_per_px: float) -> bool:
    """Whether an ultrasound scan can have so many millimetres a pixel; NaN is none that it can."""
    return SMALLEST_MM_PER_PX <= mm_per_px <= LARGEST_MM_PER_PX


@dataclass(frozen=True)
class PixelBox:
    """Whole pixels of a frame: rows from `top` to before `bottom`, columns from `left` to before `right`."""

    top: int
    left: int
    bottom: int
    right: int

    def inside(self, height: int, width: int) -> bool:
        """Whether it holds a pixel, and none beside a frame of (height, width)."""
        return 0 <= self.top < self.bottom <= height and 0 <= self.left < self.right <= width


@dataclass(frozen=True)
class Frame:
    """A gray frame as decoded, before preprocessing.

    `pixels` is uint8 (H, W); 16-bit sources are scaled to 8 bits on decoding. `source` is what a person would
    recognise it by (a file path). `mm_per_px` is the pixel spacing in millimetres, or None where nobody stated it.
    `region` is where the 2-D tissue image lies among text and thumbnails, or None where the source does not say.
    """

    pixels: NDArray[np.uint8]
    source: str
    mm_per_px: float | None = None
    region: PixelBox | None = None

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 2 or self.pixels.size == 0:
            raise InputError(
                expected="a gray uint8 frame (H, W)",
                got=f"{self.pixels.dtype} {self.pixels.shape} from {self.source}",
                fix="decode the image with edge_nt.imaging.decode.decode_image",
            )
        if self.mm_per_px is not None and not (np.isfinite(self.mm_per_px) and self.mm_per_px > 0):
            raise InputError(
                expected="a pixel spacing above 0 mm",
                got=f"{self.mm_per_px} for {self.source}",
                fix="correct mm_per_px, or leave it empty where the spacing is unknown",
            )
        if self.region is not None and not self.region.inside(*self.pixels.shape):
            raise InputError(
                expected=f"a region inside {self.pixels.shape[1]}x{self.pixels.shape[0]} px",
                got=f"{self.region} for {self.source}",
                fix="correct the region, or leave it out",
            )
