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
        raise no_region(frame.source)
    pixels = np.ascontiguousarray(frame.pixels[box.top : box.bottom, box.left : box.right])
    whole = PixelBox(0, 0, *pixels.shape)
    return Frame(pixels, frame.source, frame.mm_per_px, whole)


def no_region(name: str) -> InputError:
    """The error of a frame or file `name` that is to be cropped to a region that it does not have."""
    return InputError(
        expected="a DICOM file with one region of 2-D tissue (0018,6011) inside its frames, to crop to it",
        got=f"{name}, which names none",
        fix="take whole frames, or leave the file out",
    )
