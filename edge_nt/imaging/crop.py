"""What part of a frame goes on: all of it, as the screen was exported, or the 2-D tissue region that its file names."""

from __future__ import annotations

from typing import Literal

import numpy as np

from edge_nt.errors import InputError
from edge_nt.imaging.frame import Frame, PixelBox

# Networks here were trained on whole screen exports, letterboxed. A cropped frame shows them the anatomy at another
# size and without the screen around it, so that nobody gets one who did not ask for it.
Crop = Literal["frame", "region"]


def cropped(frame: Frame, crop: Crop) -> Frame:
    """The frame as it is, or only its region with the same spacing.

    Raises: InputError when the region is asked for and the frame's source names none.
    """
    if crop == "frame":
        return frame
    box = frame.region
    if box is None:
        raise InputError(
            expected="a DICOM frame with one region of 2-D tissue (0018,6011) inside it, to crop to it",
            got=f"{frame.source}, which names none",
            fix="take the whole frame, or leave the file out",
        )
    pixels = np.ascontiguousarray(frame.pixels[box.top : box.bottom, box.left : box.right])
    whole = PixelBox(0, 0, *pixels.shape)
    return Frame(pixels, frame.source, frame.mm_per_px, whole)
