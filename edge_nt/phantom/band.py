"""The nuchal translucency of a phantom: a curved, tapering dark band of exactly known thickness between two lines."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError

Points = NDArray[np.float64]


@dataclass(frozen=True)
class NtBand:
    """A band around a circular arc, in millimetres of the fetus' own coordinates (x to the face's side, y to the back).

    `along` is arc length from `centre_mm`, `across` is distance from the arc along its normal, positive outwards (to
    the skin). The band's thickness at `along` is ``thickness_mm · (1 − (along / half_length_mm)²) ** taper``: measured
    inner edge to inner edge along the normal, and `thickness_mm` at its widest. `inner_share` of it lies on the
    body's side of the arc. `radius_mm` is signed: above 0 the arc's centre lies on the body's side.
    """

    centre_mm: tuple[float, float]
    tilt_rad: float
    radius_mm: float
    half_length_mm: float
    thickness_mm: float
    taper: float
    inner_share: float
    inner_line_mm: float
    outer_line_mm: float

    def __post_init__(self) -> None:
        sizes = (self.half_length_mm, self.thickness_mm, self.taper, self.inner_line_mm, self.outer_line_mm)
        # A band longer or thicker than its arc's radius would fold onto itself.
        if min(sizes) <= 0 or not 0 <= self.inner_share <= 1 or abs(self.radius_mm) < 2 * max(sizes):
            raise InputError(
                expected="an NT band with positive sizes and an arc radius of at least twice its size",
                got=f"{self}",
                fix="draw bands with edge_nt.phantom.fetus.draw_fetus",
            )

    def thickness_at(self, along: Points) -> Points:
        """Inner-to-inner thickness in mm at arc lengths `along`; 0 beyond the band's ends."""
        share = np.clip(1.0 - np.square(along / self.half_length_mm), 0.0, None)
        return np.asarray(self.thickness_mm * np.power(share, self.taper), np.float64)

    def inner_edge(self, along: Points) -> Points:
        """Where the band meets the inner line: `across` in mm."""
        return -self.inner_share * self.thickness_at(along)

    def outer_edge(self, along: Points) -> Points:
        """Where the band meets the outer (skin) line: `across` in mm."""
        return (1.0 - self.inner_share) * self.thickness_at(along)

    def point(self, along: Points, across: Points) -> Points:
        """Points (..., 2) in mm at (`along`, `across`)."""
        tangent, normal = self._axes()
        centre = np.asarray(self.centre_mm) - self.radius_mm * normal
        angle = along / self.radius_mm
        direction = np.cos(angle)[..., None] * normal + np.sin(angle)[..., None] * tangent
        return np.asarray(centre + (self.radius_mm + across)[..., None] * direction, np.float64)

    def coordinates(self, points_mm: Points) -> tuple[Points, Points]:
        """(`along`, `across`) in mm of points (..., 2): the inverse of `point`."""
        tangent, normal = self._axes()
        sign = math.copysign(1.0, self.radius_mm)
        away = points_mm - (np.asarray(self.centre_mm) - self.radius_mm * normal)
        across = sign * np.hypot(away[..., 0], away[..., 1]) - self.radius_mm
        along = self.radius_mm * np.arctan2(sign * (away @ tangent), sign * (away @ normal))
        return along, across

    def contour(self) -> Points:
        """The closed contour (n, 2) in mm around the band and both of its lines."""
        along = np.linspace(-self.half_length_mm, self.half_length_mm, 65)
        inner = self.point(along, self.inner_edge(along) - self.inner_line_mm)
        outer = self.point(along, self.outer_edge(along) + self.outer_line_mm)
        return np.concatenate([inner, outer[::-1]])

    def _axes(self) -> tuple[Points, Points]:
        cosine, sine = math.cos(self.tilt_rad), math.sin(self.tilt_rad)
        return np.array([cosine, sine]), np.array([-sine, cosine])
