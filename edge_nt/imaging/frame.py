"""One decoded ultrasound frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError


@dataclass(frozen=True)
class Frame:
    """A gray frame as decoded, before preprocessing.

    `pixels` is uint8 (H, W); 16-bit sources are scaled to 8 bits on decoding. `source` is what a person would
    recognise it by (a file path). `mm_per_px` is the pixel spacing in millimetres, or None where nobody stated it.
    """

    pixels: NDArray[np.uint8]
    source: str
    mm_per_px: float | None = None

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
