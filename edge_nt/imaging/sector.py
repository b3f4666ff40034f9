"""Where the ultrasound sector is, so that burned-in text, rulers and thumbnails outside it can be blacked out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Darker than any speckle worth keeping, brighter than compression noise on a black screen.
_SCREEN_BLACK = 8


def sector_mask(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """True inside the ultrasound sector of a gray uint8 frame (H, W): the convex hull of its largest solid region.

    Opening removes strokes thinner than about 1.5 % of the frame (letters, rulers, caliper lines) before the
    largest region is taken; what overlaps the sector stays. A frame with no such region is all False.
    """
    thickness = max(3, round(min(pixels.shape) * 0.015) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (thickness, thickness))
    closed = cv2.morphologyEx((pixels > _SCREEN_BLACK).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    solid = cv2.morphologyEx(closed, cv2.MORPH_OPEN, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
    mask = np.zeros(pixels.shape, np.uint8)
    if count > 1:
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        points = cv2.findNonZero((labels == largest).astype(np.uint8))
        cv2.fillConvexPoly(mask, cv2.convexHull(points), 1)
    return mask.astype(np.bool_)


def mask_overlays(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame with everything outside its sector set to black."""
    return np.where(sector_mask(pixels), pixels, np.uint8(0))
