"""Drawing echo levels in decibels on a frame: polygons and strokes given in the fetus' millimetres."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.phantom.band import Points
from edge_nt.phantom.pose import Pose

Levels = NDArray[np.uint8]

# Levels are drawn as bytes, because OpenCV smooths the edges of 8-bit drawings only: a third of a dB a step.
LOWEST_DB = -72.0
_STEPS_PER_DB = 3.0
_SUBPIXEL_BITS = 4


def blank(height: int, width: int, level_db: float) -> Levels:
    """A canvas (H, W) at one level in dB."""
    return np.full((height, width), _code(level_db), np.uint8)


def fill(canvas: Levels, points_mm: Points, level_db: float, pose: Pose) -> None:
    """Fill the closed polygon (n, 2) with a level in dB."""
    cv2.fillPoly(canvas, [_fixed(points_mm, pose)], _code(level_db), cv2.LINE_AA, _SUBPIXEL_BITS)


def stroke(canvas: Levels, points_mm: Points, width_mm: float, level_db: float, pose: Pose) -> None:
    """Draw the open polyline (n, 2), `width_mm` wide, at a level in dB."""
    thickness = max(1, round(width_mm / pose.mm_per_px))
    cv2.polylines(canvas, [_fixed(points_mm, pose)], False, _code(level_db), thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def ellipse(centre_mm: Points, half_axes_mm: tuple[float, float], turn_rad: float, corners: int = 24) -> Points:
    """Corners (n, 2) in mm of an ellipse."""
    angle = np.linspace(0.0, 2 * np.pi, corners, endpoint=False)
    local = np.stack([half_axes_mm[0] * np.cos(angle), half_axes_mm[1] * np.sin(angle)], axis=1)
    cosine, sine = np.cos(turn_rad), np.sin(turn_rad)
    return np.asarray(local @ np.array([[cosine, sine], [-sine, cosine]]) + centre_mm, np.float64)


def amplitude(canvas: Levels) -> NDArray[np.float32]:
    """Amplitudes (H, W) float32 of a canvas; its lowest level is exactly 0."""
    level_db = np.arange(256) / _STEPS_PER_DB + LOWEST_DB
    table = np.power(10.0, level_db / 20.0).astype(np.float32)
    table[0] = 0.0
    return np.asarray(cv2.LUT(canvas, table), np.float32)


def above(canvas: Levels, level_db: float) -> NDArray[np.bool_]:
    """True (H, W) where the canvas is brighter than a level in dB."""
    return canvas > _code(level_db)


def _code(level_db: float) -> int:
    return int(np.clip(round((level_db - LOWEST_DB) * _STEPS_PER_DB), 0, 255))


def _fixed(points_mm: Points, pose: Pose) -> NDArray[np.int32]:
    # OpenCV counts from pixel centres, we from pixel corners; far points are clipped to what its integers hold.
    points = np.clip(pose.to_px(points_mm) - 0.5, -4096.0, 4096.0)
    return np.rint(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
