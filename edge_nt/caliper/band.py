"""The band inside a box, from its path to its widest part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.caliper.borders import find_borders
from edge_nt.caliper.flanks import SAMPLES_PER_PX, Flanks, bilinear, measure_flanks, smoothing
from edge_nt.caliper.reading import Point
from edge_nt.imaging.roi import Roi

Values = NDArray[np.float64]

# Boxes hug the dark band, so its lines lie on the box's border or beyond: rows looked at above and below, of its height.
_MARGIN_SHARE, _MARGIN_PX = 0.5, 3
# The path is sought on rows averaged to about this many; borders are then read at full resolution.
_PATH_ROWS = 36
_LEAST_RANGE = 0.04
_LEAST_TRUST = 0.5


@dataclass(frozen=True)
class Band:
    """The widest part of a followed band in continuous pixels, with its confidence, or why it is refused."""

    upper: Point
    lower: Point
    confidence: float
    refusal: str | None


@dataclass(frozen=True)
class _Path:
    """Middle, unit normal (towards the lower line) and half thickness of the band, one an image column."""

    middle: Values
    columns: Values
    normal_h: Values
    normal_w: Values
    half_px: Values
    spread_px: Values


def follow_band(image: Values, roi: Roi, spacing: tuple[float, float]) -> Band | str:
    """Follow the dark band of `image` inside a box wider than high; a string says why there is none."""
    height, width = image.shape
    rows, columns = roi.slices(height, width)
    margin = _MARGIN_PX + _MARGIN_SHARE * (roi.h_max - roi.h_min)
    rows = slice(max(0, int(roi.h_min - margin)), min(height, int(np.ceil(roi.h_max + margin))))
    region = image[rows, columns]
    if not np.isfinite(region).all():
        return "image not finite"
    low, high = np.quantile(region, (0.02, 0.98))
    if high - low < _LEAST_RANGE:
        return "no contrast in the box"
    path = _path((region - low) / (high - low), rows.start, columns.start, roi, spacing)
    if isinstance(path, str):
        return path
    return _widest(image, path, high - low)


def _path(scaled: Values, top: int, left: int, roi: Roi, spacing: tuple[float, float]) -> _Path | str:
    factor = max(1, round(scaled.shape[0] / _PATH_ROWS))
    coarse = _averaged(scaled, factor)
    if min(coarse.shape) < 8:
        return "box too small"
    found = find_borders(coarse, ((roi.h_min - top) / factor, (roi.h_max - top) / factor))
    places = left + factor * (np.arange(coarse.shape[1]) + 0.5)
    columns = np.arange(places[0], places[-1] + 0.5)
    half = np.interp(columns, places, factor * (found.lower - found.upper) / 2)
    spread = np.interp(columns, places, factor * found.spread)
    blur = smoothing(columns.size, max(1.5, float(np.mean(half))))
    middle = blur @ np.interp(columns, places, top + factor * (found.upper + found.lower) / 2)
    slope = np.gradient(middle) * spacing[0] / spacing[1]
    # Perpendicular in millimetres, then of unit length in pixels.
    normal_h, normal_w = 1.0 / spacing[0], -slope / spacing[1]
    length = np.hypot(normal_h, normal_w)
    return _Path(middle, columns, normal_h / length, normal_w / length, half, spread)


def _averaged(values: Values, factor: int) -> Values:
    """Means over squares of `factor` px a side; what does not fill a square at the end is left out."""
    height, width = (side // factor for side in values.shape)
    trimmed = values[: height * factor, : width * factor]
    return np.asarray(trimmed.reshape(height, factor, width, factor).mean(axis=(1, 3)), np.float64)


def _widest(image: Values, path: _Path, gray_range: float) -> Band:
    upper, lower = _flanks(image, path, -1.0), _flanks(image, path, 1.0)
    contrast = np.minimum(upper.peak - upper.floor, lower.peak - lower.floor) / gray_range
    trust = np.clip((contrast - 0.1) / 0.2, 0.0, 1.0) * np.clip(
        2.0 - path.spread_px / (0.15 * path.half_px + 0.5), 0.0, 1.0
    )
    thickness = upper.distance_px + lower.distance_px
    blur = smoothing(thickness.size, max(1.5, float(np.mean(path.half_px)))) * (trust + 1e-9)
    blur /= blur.sum(axis=1, keepdims=True)
    smooth, trusted = blur @ thickness, smoothing(trust.size, max(1.5, float(np.mean(path.half_px)))) @ trust
    # A place counts as much as it is trusted: an untrusted one is drawn to the mean, so that no place comes and goes.
    mean = float((smooth * trusted).sum() / max(trusted.sum(), 1e-9))
    counted = mean + np.clip(trusted * 2, 0.0, 1.0) * (smooth - mean)
    at = int(np.argmax(counted))
    up, down = blur[at] @ upper.distance_px, blur[at] @ lower.distance_px
    scale = counted[at] / max(up + down, 1e-9)
    middle = path.middle[at], path.columns[at]
    normal = path.normal_h[at], path.normal_w[at]
    confidence = float(np.mean(trust))
    points = [(middle[0] + by * scale * normal[0], middle[1] + by * scale * normal[1]) for by in (-up, down)]
    refusal = None if confidence >= _LEAST_TRUST else "no dark band between two lines"
    return Band(
        (float(points[0][0]), float(points[0][1])), (float(points[1][0]), float(points[1][1])), confidence, refusal
    )


def _flanks(image: Values, path: _Path, side: float) -> Flanks:
    reach = 2.0 * path.half_px + 2.0
    along = np.arange(int(np.ceil(reach.max() * SAMPLES_PER_PX)) + 1) / SAMPLES_PER_PX
    rows = path.middle[:, None] + side * along * path.normal_h[:, None]
    columns = path.columns[:, None] + side * along * path.normal_w[:, None]
    profiles = smoothing(len(rows), max(1.0, 0.5 * float(np.mean(path.half_px)))) @ bilinear(image, rows, columns)
    return measure_flanks(profiles, reach)
