"""The region of a COCO annotation: its segmentation, else a line between two keypoints, else its bbox."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from edge_nt.datasets.ring_faults import ring_fault
from edge_nt.datasets.run_length import mask_from_run_length
from edge_nt.errors import InputError
from edge_nt.imaging.mask_outline import mask_outline
from edge_nt.imaging.polygon import Polygon, Ring
from edge_nt.imaging.roi import Roi, polygon_roi

# Tools round boxes outwards, or to whole pixels.
_BOX_SLACK_PX = 2.0


def region_of(entry: dict[str, Any], structure: str, line_width_px: float | None) -> Roi:
    """The region of an annotation in source pixels; without `line_width_px`, keypoints are not read.

    Raises: ValueError with what is wrong.
    """
    box = None if entry.get("bbox") is None else _box(entry["bbox"], structure)
    polygon: Polygon = ()
    if entry.get("segmentation"):
        polygon = _segmentation(entry["segmentation"])
    elif line_width_px is not None and entry.get("keypoints"):
        return _region(structure, (_line(entry["keypoints"], line_width_px),))
    if polygon:
        region = _region(structure, polygon)
        if box is not None:
            _refuse_disagreement(box, region)
        return region
    if box is None:
        hint = "; pass --line-width-px for a line between two keypoints" if entry.get("keypoints") else ""
        raise ValueError(f"{structure} has neither segmentation nor bbox{hint}")
    return box


def mask_size(entry: dict[str, Any]) -> tuple[int, int] | None:
    """Height and width that a run-length mask was drawn on; None for other annotations."""
    segmentation = entry.get("segmentation")
    # An empty object is no mask, as an empty list is no polygon.
    if not isinstance(segmentation, dict) or not segmentation:
        return None
    return segmentation["size"][0], segmentation["size"][1]


def finite(value: Any, key: str) -> float:
    """A JSON number as float. Raises: ValueError naming `key`."""
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{key} holds {str(value)[:40]}, not a finite number")
    return number


def _box(box: Any, structure: str) -> Roi:
    if not isinstance(box, list) or len(box) != 4:
        raise ValueError(f"bbox {str(box)[:80]} is not [x, y, width, height]")
    x, y, width, height = (finite(side, "bbox") for side in box)
    try:
        return Roi(structure, y, x, y + height, x + width)
    except InputError:
        raise ValueError(f"bbox {box!r} encloses nothing") from None


def _segmentation(segmentation: Any) -> Polygon:
    if isinstance(segmentation, dict):
        polygon = mask_outline(mask_from_run_length(segmentation))
        if not polygon:
            raise ValueError("a mask without any pixel")
        return polygon
    if not isinstance(segmentation, list):
        raise ValueError("segmentation is neither a list of polygons nor a run-length mask")
    polygon = tuple(_part(part) for part in segmentation)
    if len(polygon) > 1:
        _refuse_overlap(polygon)
    return polygon


def _part(part: Any) -> Ring:
    if not isinstance(part, list) or len(part) < 6 or len(part) % 2:
        raise ValueError("a polygon of segmentation is not [x, y, x, y, …] of at least 3 points")
    numbers = [finite(number, "segmentation") for number in part]
    return tuple(zip(numbers[1::2], numbers[::2], strict=True))


def _refuse_overlap(polygon: Polygon) -> None:
    """COCO means the union of the parts; filled by the even-odd rule, what two of them share would be left out."""
    fault = ring_fault(polygon)
    nested = any(
        _encloses(outer, point)
        for outer in polygon
        for inner in polygon
        if inner is not outer
        for point in (*inner, *_points_inside(inner))
    )
    if nested or fault:
        told = f" ({fault})" if fault else ""
        raise ValueError(
            f"the polygons of a segmentation overlap{told}: join them, or store the region as a run-length mask"
        )


def _points_inside(ring: Ring) -> list[tuple[float, float]]:
    """Middles of the triangles of three points in turn that lie inside: all that tells a ring on top of its twin."""
    turns = zip(ring, ring[1:] + ring[:1], ring[2:] + ring[:2], strict=True)
    middles = [(sum(h for h, _ in turn) / 3, sum(w for _, w in turn) / 3) for turn in turns]
    return [middle for middle in middles if _encloses(ring, middle)]


def _encloses(ring: Ring, point: tuple[float, float]) -> bool:
    return bool(cv2.pointPolygonTest(np.array(ring, np.float32), point, measureDist=False) > 0)


def _line(keypoints: Any, width_px: float) -> Ring:
    """A band around the line between two labelled keypoints, `width_px` wide, half of that beyond each end."""
    if not isinstance(keypoints, list) or len(keypoints) % 3:
        raise ValueError("keypoints are not [x, y, v, x, y, v, …]")
    numbers = [finite(number, "keypoints") for number in keypoints]
    points = [np.array(numbers[at : at + 2]) for at in range(0, len(numbers), 3) if numbers[at + 2] > 0]
    if len(points) != 2:
        raise ValueError(f"a line needs two labelled keypoints, not {len(points)}")
    length = float(np.hypot(*(points[1] - points[0])))
    if length == 0:
        raise ValueError("a line between two keypoints at one place")
    along = (points[1] - points[0]) / length * width_px / 2
    across = np.array([-along[1], along[0]])
    start, end = points[0] - along, points[1] + along
    corners = start - across, end - across, end + across, start + across
    return tuple((float(y), float(x)) for x, y in corners)


def _region(structure: str, polygon: Polygon) -> Roi:
    try:
        return polygon_roi(structure, polygon)
    except InputError as error:
        raise ValueError(f"segmentation encloses nothing or is out of range: {error.got}") from None


def _refuse_disagreement(box: Roi, region: Roi) -> None:
    edges = [(each.h_min, each.w_min, each.h_max, each.w_max) for each in (box, region)]
    apart = max(abs(one - other) for one, other in zip(*edges, strict=True))
    if apart > _BOX_SLACK_PX:
        raise ValueError(f"bbox and segmentation of {region.structure} disagree by {apart:.4g} px")
