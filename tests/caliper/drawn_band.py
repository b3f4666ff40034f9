"""A dark band between two bright lines, drawn from its distances: its half-height borders are known exactly."""

from math import erf

import numpy as np
from numpy.typing import NDArray

from edge_nt.imaging.roi import Roi

_ERF = np.vectorize(erf)


def draw_band(
    thickness_px: float,
    *,
    tilt_deg: float = 0.0,
    taper: float = 0.0,
    curvature: float = 0.0,
    shape: tuple[int, int] = (96, 192),
    centre: tuple[float, float] = (48.3, 95.6),
    blur_px: float = 1.0,
    levels: tuple[float, float, float] = (0.05, 0.8, 0.3),
    aspect: float = 1.0,
) -> NDArray[np.float32]:
    """Gray levels (H, W) of a band of `thickness_px` at its centre, `levels` being its own, its lines' and around them.

    It narrows by `taper` · x² to its sides and bends by `curvature` · x²; `aspect` is how much wider a pixel is than
    high. Lines are 6 px wide and every flank is a Gaussian's integral, so that its middle is where the edge is.
    """
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    y, x = rows - centre[0], (columns - centre[1]) * aspect
    tilt = np.radians(tilt_deg)
    along, across = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    across = (across - curvature * np.square(along)) / np.sqrt(1 + np.square(2 * curvature * along))
    outside = np.abs(across) - (thickness_px - taper * np.square(along)) / 2
    band, line, around = levels
    inner = (1 + _ERF(outside / (blur_px * np.sqrt(2)))) / 2
    outer = (1 + _ERF((outside - 6.0) / (blur_px * np.sqrt(2)))) / 2
    return np.asarray(band + (line - band) * inner + (around - line) * outer, np.float32)


def box_around(half_height_px: float, half_width_px: float, centre: tuple[float, float] = (48.3, 95.6)) -> Roi:
    """A box around the centre of a drawn band."""
    return Roi(
        "NT",
        centre[0] - half_height_px,
        centre[1] - half_width_px,
        centre[0] + half_height_px,
        centre[1] + half_width_px,
    )
