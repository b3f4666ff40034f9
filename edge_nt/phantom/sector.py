"""The convex sector of a phantom scan: an apex above the frame, beams that fan out, and the scan conversion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.phantom.style import Style

Map = NDArray[np.float32]

# Beams stand this far apart at the bottom of the frame, in px: below the lateral point spread of every style.
_BEAM_SPACING_PX = 1.5


@dataclass(frozen=True)
class Sector:
    """A sector in continuous frame pixels: apex (x, y), radii from the near field to the far corner, half angle."""

    apex_x_px: float
    apex_y_px: float
    near_px: float
    far_px: float
    half_angle_rad: float

    def grid_shape(self) -> tuple[int, int]:
        """(depth samples, beams): depth samples one pixel apart."""
        beams = math.ceil(2 * self.half_angle_rad * self.far_px / _BEAM_SPACING_PX)
        return math.ceil(self.far_px - self.near_px), beams

    def radii_px(self) -> Map:
        """Distance of each depth sample from the apex (depth samples,)."""
        return np.asarray(np.arange(self.grid_shape()[0]) + self.near_px, np.float32)

    def beam_spacing_rad(self) -> float:
        """Angle between neighbouring beams."""
        return 2 * self.half_angle_rad / (self.grid_shape()[1] - 1)

    def half_width_px(self, y_px: float) -> float:
        """Half the sector's width at frame row `y_px`."""
        return (y_px - self.apex_y_px) * math.tan(self.half_angle_rad)


def draw_sector(rng: np.random.Generator, style: Style) -> Sector:
    """The sector of one scan: the hospital's, with its axis moved a little from scan to scan."""
    height, width = style.frame_height_px, style.frame_width_px
    apex_y = -style.apex_height * height
    half_angle = math.atan(style.sector_half_width * width / (0.7 * height - apex_y))
    apex_x = width * (0.5 + float(rng.uniform(-0.03, 0.03)))
    far = math.hypot(max(apex_x, width - apex_x), height - apex_y)
    # Arcs of the near field rise at their sides: start where the middle of the arc is, or at the frame's top corners.
    near = style.near_field * height - apex_y
    return Sector(apex_x, apex_y, near if style.near_field > 0 else near * math.cos(half_angle), far, half_angle)


def to_beams(frames: tuple[Map, ...], sector: Sector) -> tuple[Map, ...]:
    """Sample frames (H, W) along the beams: (depth samples, beams) each; edges continue outside of the frame."""
    beams = sector.grid_shape()[1]
    angle = np.linspace(-sector.half_angle_rad, sector.half_angle_rad, beams, dtype=np.float32)
    radius = sector.radii_px()[:, None]
    # OpenCV counts from pixel centres, we from pixel corners.
    map_x = np.float32(sector.apex_x_px - 0.5) + radius * np.sin(angle)
    map_y = np.float32(sector.apex_y_px - 0.5) + radius * np.cos(angle)
    beamed = cv2.remap(cv2.merge(frames), map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return tuple(np.asarray(channel, np.float32) for channel in cv2.split(beamed))


def to_frame(beams: Map, sector: Sector, height: int, width: int) -> Map:
    """Scan-convert beams (depth samples, beams) to a frame (height, width); 0 outside of the sector."""
    x = np.arange(width, dtype=np.float32) + np.float32(0.5 - sector.apex_x_px)
    y = (np.arange(height, dtype=np.float32) + np.float32(0.5 - sector.apex_y_px))[:, None]
    radius, angle = cv2.cartToPolar(np.broadcast_to(y, (height, width)), np.broadcast_to(x, (height, width)))
    # cartToPolar counts from 0 to 2π; beams to the left of the axis lie just below 2π.
    np.subtract(angle, np.float32(2 * math.pi), out=angle, where=angle > np.float32(math.pi))
    map_x = (angle + np.float32(sector.half_angle_rad)) * np.float32(1.0 / sector.beam_spacing_rad())
    map_y = radius - np.float32(sector.near_px)
    return np.asarray(cv2.remap(beams, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)
