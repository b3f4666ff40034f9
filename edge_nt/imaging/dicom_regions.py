"""Millimetres per pixel of a DICOM frame and where its 2-D tissue image lies (PS3.3 C.8.5.5 and C.7.6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_nt.imaging.frame import PixelBox, is_spacing

# Region Spatial Format: 2-D image. Region Data Type: tissue. Physical Units: centimetres along the axis.
_FORMAT_2D, _TISSUE, _UNITS_CM = 1, 1, 3
_MM_PER_CM = 10.0
# One frame has one spacing: axes or regions that differ by more have none that could be stated.
_ISOTROPIC = 0.01
_CORNERS = ("RegionLocationMinY0", "RegionLocationMinX0", "RegionLocationMaxY1", "RegionLocationMaxX1")


@dataclass(frozen=True)
class Scale:
    """What a header says of its frames' geometry; None for what it does not say, or not without contradiction.

    `contradicted` where the picture was scaled or cut after the scanner wrote the header, so that none of it holds;
    `implausible` where it states a spacing that no scan has.
    """

    mm_per_px: float | None = None
    region: PixelBox | None = None
    contradicted: bool = False
    implausible: bool = False


def read_scale(header: Any, height: int, width: int) -> Scale:
    """The spacing and the tissue region of frames of (height, width) px.

    The spacing is that of the regions of 2-D tissue, else of all 2-D regions in centimetres, else PixelSpacing; axes
    or regions that differ by more than 1 % state none, nor does a spacing that no scan can have. There is a region only
    where exactly one of 2-D tissue is named: a dual view has two. Where any region, of whatever kind, lies partly
    beside the frame, the picture was scaled or cut after the scanner wrote the header. Scaling moves every edge, so a
    region that still ends at the frame's edge along one axis, across which no other goes, was only cut along the other:
    its spacing holds, and what is left of it is the region. Any other tells neither.
    """
    regions = header.get("SequenceOfUltrasoundRegions") or ()
    flat = [
        item
        for item in regions
        if item.get("RegionSpatialFormat") == _FORMAT_2D
        and item.get("PhysicalUnitsXDirection") == item.get("PhysicalUnitsYDirection") == _UNITS_CM
    ]
    every = {_box(item, height, width) for item in regions if _names_corners(item)}
    contained = all(box.inside(height, width) for box in every)
    tissue = [item for item in flat if item.get("RegionDataType") == _TISSUE]
    if not flat:
        rows_and_columns = np.atleast_1d(header.get("PixelSpacing") or ())
        sides_mm = [float(side) for side in rows_and_columns] if contained and len(rows_and_columns) == 2 else []
        return Scale(_common_mm(sides_mm), contradicted=not contained, implausible=not all(map(is_spacing, sides_mm)))
    boxes = {_box(item, height, width) for item in tissue or flat if _names_corners(item)}
    if not contained:
        if not (boxes and all(_only_cut(box, every, height, width) for box in boxes)):
            return Scale(contradicted=True)
        boxes = {PixelBox(box.top, box.left, min(box.bottom, height), min(box.right, width)) for box in boxes}
    deltas_cm = [item.get(f"PhysicalDelta{axis}", np.nan) for item in tissue or flat for axis in "XY"]
    # A delta is negative along an axis that runs against the pixels.
    sides_mm = [abs(delta) * _MM_PER_CM for delta in deltas_cm]
    region = boxes.pop() if tissue and len(boxes) == 1 else None
    return Scale(_common_mm(sides_mm), region, implausible=not all(map(is_spacing, sides_mm)))


def _names_corners(item: Any) -> bool:
    return all(item.get(corner) is not None for corner in _CORNERS)


def _box(item: Any, height: int, width: int) -> PixelBox:
    top, left, last_row, last_column = (int(item[corner].value) for corner in _CORNERS)
    # The last row and column belong to the region, yet some scanners write the ones after them: at the very edge of
    # the frame that is no contradiction.
    return PixelBox(
        top,
        left,
        last_row + (last_row != height),
        last_column + (last_column != width),
    )


def _only_cut(box: PixelBox, every: set[PixelBox], height: int, width: int) -> bool:
    """Whether a box begins inside the frame and ends at its edge along one axis, across which none of `every` goes."""
    if not (0 <= box.top < height and 0 <= box.left < width):
        return False
    rows_cut = box.right == width and all(0 <= each.left < each.right <= width for each in every)
    columns_cut = box.bottom == height and all(0 <= each.top < each.bottom <= height for each in every)
    return rows_cut or columns_cut


def _common_mm(sides: Sequence[float]) -> float | None:
    if not sides or not all(is_spacing(side) for side in sides):
        return None
    return float(np.mean(sides)) if max(sides) <= min(sides) * (1 + _ISOTROPIC) else None
