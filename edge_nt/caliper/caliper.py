"""The NT caliper: thickness of the dark band between two bright lines inside a box.

Rule (Fetal Medicine Foundation): the inner border of the caliper's horizontal bar lies on the line that bounds the NT,
hardly visible against it, not in the fluid; the widest part is measured, perpendicular to the band. Which variant this
is: the border of a line is the middle of its inner flank, where the gray level stands half way from the darkest of the
band to the brightest of the line; the thickness is the distance of both borders along the band's normal; the profile
of thicknesses along the band is smoothed by a Gaussian of half the band's thickness, and its maximum is the reading.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_nt.caliper.band import Band, follow_band
from edge_nt.caliper.reading import CaliperReading, not_measurable
from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi

__all__ = ["CaliperReading", "measure_thickness"]

_SMALLEST_HEIGHT_PX, _SMALLEST_WIDTH_PX = 3.0, 12.0


def measure_thickness(
    image: NDArray[np.float32], roi: Roi, mm_per_px: tuple[float, float] | None = None
) -> CaliperReading:
    """Measure the band of `image` (H, W) in [0, 1] inside `roi`, with `mm_per_px` as (vertical, horizontal).

    The band may be tilted or curved and the box loose. Raises: InputError when the image has no two dimensions of at
    least 2 px, or the spacing is not above 0.
    """
    if image.ndim != 2 or min(image.shape) < 2:
        raise InputError(
            expected="a gray image (H, W) of at least 2x2 px", got=f"shape {image.shape}", fix="pass one channel"
        )
    spacing = (1.0, 1.0) if mm_per_px is None else mm_per_px
    if not all(np.isfinite(each) and each > 0 for each in spacing):
        raise InputError(expected="a pixel spacing above 0 mm", got=f"{mm_per_px}", fix="pass None where it is unknown")
    refusal = _unusable(image, roi)
    if refusal:
        return not_measurable(refusal)
    upright = roi.h_max - roi.h_min > roi.w_max - roi.w_min
    if upright:
        turned = Roi(roi.structure, roi.w_min, roi.h_min, roi.w_max, roi.h_max)
        band = follow_band(np.asarray(image.T, np.float64), turned, (spacing[1], spacing[0]))
    else:
        band = follow_band(np.asarray(image, np.float64), roi, spacing)
    return _reading(band, spacing, upright=upright, with_mm=mm_per_px is not None)


def _unusable(image: NDArray[np.float32], roi: Roi) -> str | None:
    height, width = image.shape
    inside_h = min(roi.h_max, height) - max(roi.h_min, 0.0)
    inside_w = min(roi.w_max, width) - max(roi.w_min, 0.0)
    if inside_h <= 0 or inside_w <= 0:
        return "box outside the image"
    if min(inside_h, inside_w) < _SMALLEST_HEIGHT_PX or max(inside_h, inside_w) < _SMALLEST_WIDTH_PX:
        return "box too small"
    if not np.isfinite(image[roi.slices(height, width)]).all():
        return "image not finite in the box"
    return None


def _reading(band: Band | str, spacing: tuple[float, float], *, upright: bool, with_mm: bool) -> CaliperReading:
    if isinstance(band, str):
        return not_measurable(band)
    if band.refusal:
        return not_measurable(band.refusal, band.confidence)
    points = [(point[1], point[0]) if upright else point for point in (band.upper, band.lower)]
    rows, columns = points[1][0] - points[0][0], points[1][1] - points[0][1]
    mm = float(np.hypot(rows * spacing[0], columns * spacing[1])) if with_mm else None
    return CaliperReading(float(np.hypot(rows, columns)), mm, points[0], points[1], band.confidence, None)
