"""The band inside a box: its path, its two borders on every column, its widest part, and whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.caliper.borders import LEAST_ROWS, find_borders
from edge_nt.caliper.flanks import Flanks, averaged, bilinear, bump, measure_flanks, profile_offsets_px, ramp
from edge_nt.caliper.reading import Point
from edge_nt.imaging.roi import Roi

Values = NDArray[np.float64]

LEAST_CONFIDENCE = 0.3
# Boxes hug the dark band, so its lines lie on the box's border or beyond: rows looked at above and below it.
_MARGIN_SHARE, _MARGIN_PX = 0.5, 3
# The path is sought on pixels averaged so that there are about this many rows; borders are read at full resolution.
_PATH_ROWS = 36
# A parabola is fitted through its columns.
_LEAST_COLUMNS = 3
_LEAST_GRAY_RANGE = 0.04
# A profile reaches this far beyond the border that the path expects: share of the half thickness, and px.
_REACH_SHARE, _REACH_PX = 0.6, 2.0
# Where trust rises from 0 to 1: contrast in shares of the region's gray range and of the line's usual contrast.
_CONTRAST, _USUAL = (0.1, 0.3), (0.4, 0.8)
# Borders on the profiles may be this far from the path's, and those of the path this uncertain: from trusted to not.
_OFF_SHARE, _SPREAD_SHARE, _TOLERANCE_PX, _TOLERATED = 0.3, 0.15, 0.5, (1.0, 2.0)
# Trust around a place, from where it counts as nothing but average to where it may be the maximum.
_SUPPORT = (0.6, 0.9)
# Where confidence rises from 0 to 1: contrast of the fainter line in [0, 1], and the trusted share of the box's length.
_LEVEL, _LENGTH = (0.1, 0.3), (0.1, 0.4)


@dataclass(frozen=True)
class Band:
    """The widest part of a followed band in continuous pixels, with its confidence, or why it is refused."""

    upper: Point
    lower: Point
    confidence: float
    refusal: str | None


@dataclass(frozen=True)
class Path:
    """Middle, unit normal (towards the lower line), half thickness and uncertainty of the band, one an image column."""

    middle: Values
    columns: Values
    normal_h: Values
    normal_w: Values
    half_px: Values
    spread_px: Values


def follow_band(image: Values, roi: Roi, spacing: tuple[float, float]) -> Band | str:
    """Follow the dark band of `image` (H, W) inside a box wider than high; a string says why there is none."""
    height, width = image.shape
    rows, columns = roi.slices(height, width)
    margin = _MARGIN_PX + _MARGIN_SHARE * (roi.h_max - roi.h_min)
    rows = slice(max(0, int(roi.h_min - margin)), min(height, int(np.ceil(roi.h_max + margin))))
    region = image[rows, columns]
    if not np.isfinite(region).all():
        return "image not finite in the box"
    dark, bright = np.quantile(region, (0.02, 0.98))
    gray_range = float(bright - dark)
    if gray_range < _LEAST_GRAY_RANGE:
        return "no contrast in the box"
    factor = max(1, round(region.shape[0] / _PATH_ROWS))
    coarse = averaged((region - dark) / gray_range, factor)
    if coarse.shape[0] < LEAST_ROWS or coarse.shape[1] < _LEAST_COLUMNS:
        return "box too small"
    box_rows = (roi.h_min - rows.start) / factor, (roi.h_max - rows.start) / factor
    found = find_borders(coarse, box_rows)
    places = columns.start + factor * (np.arange(coarse.shape[1]) + 0.5)
    tracks = [rows.start + factor * found.upper, rows.start + factor * found.lower, factor * found.spread]
    path = _path(places, tracks[0], tracks[1], tracks[2], spacing)
    upper, lower = _profiles(image, path, -1.0), _profiles(image, path, 1.0)
    # Along a tilted normal a profile leaves the box.
    if not (np.isfinite(upper).all() and np.isfinite(lower).all()):
        return "image not finite beside the box"
    return _widest(image, path, gray_range, (upper, lower))


def _path(places: Values, upper: Values, lower: Values, spread: Values, spacing: tuple[float, float]) -> Path:
    """The path at every image column, its middle smoothed; normals are perpendicular in millimetres."""
    columns = np.arange(places[0], places[-1] + 0.5)
    half = np.interp(columns, places, (lower - upper) / 2)
    blur = bump(columns.size, max(4.0, 2 * float(half.mean())))
    blur /= blur.sum(axis=1, keepdims=True)
    middle = np.interp(columns, places, (upper + lower) / 2)
    # Only what a parabola leaves over is blurred: a blur would flatten slope and curvature at the ends.
    arc = np.polynomial.Polynomial.fit(columns, middle, 2)(columns)
    middle = arc + blur @ (middle - arc)
    slope = np.gradient(middle) * spacing[0] / spacing[1]
    normal_h, normal_w = np.full(columns.size, 1.0 / spacing[0]), -slope / spacing[1]
    length = np.hypot(normal_h, normal_w)
    return Path(middle, columns, normal_h / length, normal_w / length, half, np.interp(columns, places, spread))


def _widest(image: Values, path: Path, gray_range: float, profiles: tuple[Values, Values]) -> Band:
    upper, lower = (measure_flanks(each, _reach(path)) for each in profiles)
    trust = _trust(upper, lower, path, gray_range)
    half = float(np.average(path.half_px, weights=trust + 1e-9))
    sigma = max(1.5, half)
    near = bump(trust.size, sigma) * (trust + 1e-9)
    # Beyond the box nothing is trusted: the widest part has to go on to both sides.
    support = near.sum(axis=1) / (sigma * np.sqrt(2 * np.pi))
    near /= near.sum(axis=1, keepdims=True)
    up, down = near @ upper.distance_px, near @ lower.distance_px
    # A place counts as much as it is supported: an unsupported one is drawn to the mean, so that none comes and goes.
    mean = float(np.average(up + down, weights=np.square(support) + 1e-9))
    counted = mean + ramp(support, *_SUPPORT) * (up + down - mean)
    at = int(np.argmax(counted))
    scale = float(counted[at] / max(up[at] + down[at], 1e-9))
    points = [
        (float(path.middle[at] + by * path.normal_h[at]), float(path.columns[at] + by * path.normal_w[at]))
        for by in (-scale * up[at], scale * down[at])
    ]
    confidence, refusal = _belief(upper, lower, trust, bump(trust.size, max(3.0, 6 * half))[at])
    if refusal is None and not all(0 <= row <= image.shape[0] for row, _ in points):
        refusal = "band runs out of the image"
    return Band(points[0], points[1], confidence, refusal)


def _reach(path: Path) -> Values:
    return (1.0 + _REACH_SHARE) * path.half_px + _REACH_PX


def _profiles(image: Values, path: Path, side: float) -> Values:
    """Profiles along the normal to one side, averaged over neighbours half the half thickness away."""
    along = profile_offsets_px(float(_reach(path).max()))
    rows = path.middle[:, None] + side * along * path.normal_h[:, None]
    columns = path.columns[:, None] + side * along * path.normal_w[:, None]
    blur = bump(len(rows), max(1.0, 0.5 * float(path.half_px.mean())))
    blur /= blur.sum(axis=1, keepdims=True)
    return blur @ bilinear(image, rows, columns)


def _trust(upper: Flanks, lower: Flanks, path: Path, gray_range: float) -> Values:
    """How far (0 to 1) the two borders of each column can be believed."""
    usual = [max(float(np.quantile(each.contrast, 0.75)), 1e-9) for each in (upper, lower)]
    share = np.minimum(upper.contrast / usual[0], lower.contrast / usual[1])
    off = np.maximum(np.abs(upper.distance_px - path.half_px), np.abs(lower.distance_px - path.half_px))
    trust = ramp(np.minimum(upper.contrast, lower.contrast) / gray_range, *_CONTRAST) * ramp(share, *_USUAL)
    for amount, tolerated in ((path.spread_px, _SPREAD_SHARE), (off, _OFF_SHARE)):
        trust = trust * (1.0 - ramp(amount / (tolerated * path.half_px + _TOLERANCE_PX), *_TOLERATED))
    return trust


def _belief(upper: Flanks, lower: Flanks, trust: Values, around: Values) -> tuple[float, str | None]:
    """Confidence in [0, 1], and the reason where it is below `LEAST_CONFIDENCE`: that of its smallest factor."""
    contrast = np.minimum(upper.contrast, lower.contrast)
    level = float(np.average(contrast, weights=around * trust + 1e-9))
    factors = {
        "no dark band between two lines along the box": float(np.average(trust, weights=around)),
        "lines too faint against the band": float(ramp(np.array(level), *_LEVEL)),
        "band too short in the box": float(ramp(trust.mean(), *_LENGTH)),
    }
    confidence = float(np.prod(list(factors.values())))
    reason = min(factors, key=lambda name: factors[name])
    return confidence, None if confidence >= LEAST_CONFIDENCE else reason
