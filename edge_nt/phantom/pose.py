"""Where a phantom fetus lies in its frame: a similarity between the fetus' millimetres and the frame's pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_nt.phantom.band import Points
from edge_nt.phantom.fetus import Fetus
from edge_nt.phantom.sector import Sector
from edge_nt.phantom.style import Style

# Boxes stay this far from the frame's and the sector's edges, in px per 100 px of frame height.
_MARGIN_PERCENT = 2.0


@dataclass(frozen=True)
class Pose:
    """Fetus mm → frame px: mirrored when it faces left, turned by `tilt_rad`, scaled, moved to `origin_px` (x, y)."""

    mm_per_px: float
    tilt_rad: float
    faces_left: bool
    origin_px: tuple[float, float]

    def to_px(self, points_mm: Points) -> Points:
        """Points (..., 2) in mm → continuous frame pixels (x, y)."""
        return np.asarray(points_mm @ self._matrix().T + np.asarray(self.origin_px), np.float64)

    def to_mm(self, points_px: Points) -> Points:
        """Continuous frame pixels (..., 2) as (x, y) → fetus mm."""
        inverse = np.linalg.inv(self._matrix())
        return np.asarray((points_px - np.asarray(self.origin_px)) @ inverse.T, np.float64)

    def _matrix(self) -> Points:
        cosine, sine = math.cos(self.tilt_rad), math.sin(self.tilt_rad)
        facing = -1.0 if self.faces_left else 1.0
        return np.array([[facing * cosine, -facing * sine], [sine, cosine]]) / self.mm_per_px


def draw_pose(
    rng: np.random.Generator,
    fetus: Fetus,
    sector: Sector,
    style: Style,
    mm_per_px: float,
    *,
    tilt_rad: float | None = None,
) -> Pose:
    """Lay the fetus on its back, the NT in the lower half of the frame and inside the sector.

    `tilt_rad` replaces the drawn tilt; everything else is drawn as without it.
    """
    height, width = style.frame_height_px, style.frame_width_px
    drawn = float(np.clip(rng.normal(0.0, 0.04), -0.11, 0.11))
    pose = Pose(mm_per_px, drawn if tilt_rad is None else tilt_rad, bool(rng.random() < 0.5), (0.0, 0.0))
    wanted = width * rng.uniform(0.46, 0.6), height * rng.uniform(0.76, 0.88)
    at_px = wanted if not pose.faces_left else (width - wanted[0], wanted[1])
    contour = pose.to_px(fetus.band.contour())
    offset = np.asarray(at_px) - pose.to_px(np.asarray(fetus.band.centre_mm))
    low, high = contour.min(axis=0) + offset, contour.max(axis=0) + offset
    margin = _MARGIN_PERCENT * height / 100
    half = sector.half_width_px(low[1])
    left, right = max(0.0, sector.apex_x_px - half) + margin, min(width, sector.apex_x_px + half) - margin
    shift_x = max(0.0, left - low[0]) - max(0.0, high[0] - right)
    shift_y = -max(0.0, high[1] - (height - margin))
    origin = float(offset[0] + shift_x), float(offset[1] + shift_y)
    return Pose(pose.mm_per_px, pose.tilt_rad, pose.faces_left, origin)
