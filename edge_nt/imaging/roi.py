"""A region of interest: a named box or polygon in pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.imaging.polygon import Polygon, polygon_bounds, polygon_mask

# A box drawn to the very edge may be rounded outwards.
_EDGE_SLACK_PX = 0.5


@dataclass(frozen=True)
class Roi:
    """A box around a named structure, or a polygon with the box around it, in continuous pixel coordinates.

    Pixel (r, c) covers [r, r + 1) × [c, c + 1), so a box that spans rows 3 and 4 has h_min = 3 and h_max = 5.
    """

    structure: str
    h_min: float
    w_min: float
    h_max: float
    w_max: float
    polygon: Polygon = ()

    def __post_init__(self) -> None:
        edges = (self.h_min, self.w_min, self.h_max, self.w_max)
        if not all(math.isfinite(edge) for edge in edges) or self.h_max <= self.h_min or self.w_max <= self.w_min:
            raise InputError(
                expected="a box with h_min < h_max and w_min < w_max",
                got=f"{self.structure} {edges}",
                fix="correct the box in boxes.csv",
            )
        if self.polygon and polygon_bounds(self.polygon) != edges:
            raise InputError(
                expected=f"the box around the polygon, {polygon_bounds(self.polygon)}",
                got=f"{self.structure} {edges}",
                fix="correct the box in boxes.csv",
            )

    @property
    def outline(self) -> Polygon:
        """The polygon, or the four corners of the box as one."""
        top, left, bottom, right = self.h_min, self.w_min, self.h_max, self.w_max
        return self.polygon or (((top, left), (top, right), (bottom, right), (bottom, left)),)

    def slices(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns that the box touches, clipped to an image of (height, width); at least one pixel each."""
        top = min(max(math.floor(self.h_min), 0), height - 1)
        left = min(max(math.floor(self.w_min), 0), width - 1)
        bottom = min(max(math.ceil(self.h_max), top + 1), height)
        right = min(max(math.ceil(self.w_max), left + 1), width)
        return slice(top, bottom), slice(left, right)

    def mask(self, height: int, width: int, grown_px: int = 0) -> NDArray[np.bool_]:
        """The pixels (H, W) that the region touches, grown by `grown_px` to each side (by a square, corners too).

        A box has at least one pixel, as `slices` does; a polygon beside the image has none.
        """
        if self.polygon:
            # Drawn on a larger canvas, so that what lies just outside the image grows into it.
            moved = self.mapped(lambda h: h + grown_px, lambda w: w + grown_px).polygon
            touched = polygon_mask(moved, height + 2 * grown_px, width + 2 * grown_px)
            square = np.ones((2 * grown_px + 1, 2 * grown_px + 1), np.uint8)
            grown = cv2.dilate(touched.astype(np.uint8), square)[grown_px:, grown_px:]
            return np.asarray(grown[:height, :width], np.bool_)
        edges = self.h_min - grown_px, self.w_min - grown_px, self.h_max + grown_px, self.w_max + grown_px
        mask = np.zeros((height, width), np.bool_)
        mask[Roi(self.structure, *edges).slices(height, width)] = True
        return mask

    def inside(self, images: NDArray[Any]) -> NDArray[Any]:
        """The pixels of images (…, H, W) that the region touches: (…, rows, columns) of a box, (…, n) of a polygon."""
        height, width = images.shape[-2:]
        if self.polygon:
            return images[..., self.mask(height, width)]
        rows, columns = self.slices(height, width)
        return images[..., rows, columns]

    def overlaps(self, height: int, width: int) -> bool:
        """Whether any part of the region lies in an image of (height, width)."""
        apart = self.h_min >= height or self.w_min >= width or self.h_max <= 0 or self.w_max <= 0
        return not apart and (not self.polygon or bool(self.mask(height, width).any()))

    def within(self, height: int, width: int) -> bool:
        """Whether the region stays in an image of (height, width), but for half a pixel of rounding outwards."""
        leaves = min(self.h_min, self.w_min) < -_EDGE_SLACK_PX
        return not leaves and self.h_max <= height + _EDGE_SLACK_PX and self.w_max <= width + _EDGE_SLACK_PX

    def mapped(self, to_h: Callable[[float], float], to_w: Callable[[float], float]) -> Roi:
        """The region with every coordinate moved by two increasing functions."""
        corners = to_h(self.h_min), to_w(self.w_min), to_h(self.h_max), to_w(self.w_max)
        rings = tuple(tuple((to_h(h), to_w(w)) for h, w in ring) for ring in self.polygon)
        return Roi(self.structure, *corners, rings)


def polygon_roi(structure: str, polygon: Polygon) -> Roi:
    """The region inside a polygon, with the box around it. Raises: InputError, as `polygon_bounds` and `Roi` do."""
    return Roi(structure, *polygon_bounds(polygon), polygon)


def refuse_leaving(roi: Roi, height: int, width: int, where: str) -> None:
    """Raises: InputError that names `where` when a dataset's region leaves its image, or holds no pixel of it."""
    if not roi.within(height, width) or not roi.overlaps(height, width):
        raise InputError(
            expected=f"a {roi.structure} region inside the image of {height}x{width} px",
            got=f"rows {roi.h_min:g} to {roi.h_max:g}, columns {roi.w_min:g} to {roi.w_max:g} for {where}",
            fix="mend or drop the region; `edge-nt data check` lists every problem",
        )


def roi_weights(rois: Sequence[Roi], height: int, width: int, grown_px: int = 0) -> NDArray[np.float32]:
    """What each pixel (H, W) counts in a weighted mean: 0 outside every region, and each structure the same in sum.

    A single structure has 1 inside. Of several, the largest has 1 and the others more, so that a mean with these
    weights is the mean over structures of the mean inside each; where they overlap, weights add up.
    """
    masks: dict[str, NDArray[np.bool_]] = {}
    for roi in rois:
        mask = roi.mask(height, width, grown_px)
        masks[roi.structure] = mask | masks.get(roi.structure, np.zeros_like(mask))
    areas = {structure: int(mask.sum()) for structure, mask in masks.items()}
    weights = np.zeros((height, width), np.float32)
    for structure, mask in masks.items():
        if areas[structure]:
            weights[mask] += max(areas.values()) / areas[structure]
    return weights
