"""The mid-sagittal fetus of a phantom: head, profile, body and NT band, in millimetres, facing right, face up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge_nt.phantom.band import NtBand, Points

THICKNESS_RANGE_MM = (0.8, 4.5)

# Profile from the root of the nose to the chest in head radii, x from the head's centre to the face, y to the back.
_PROFILE = (
    (0.99, -0.50),
    (1.05, -0.40),
    (1.28, -0.27),
    (1.27, -0.19),
    (1.14, -0.13),
    (1.23, -0.04),
    (1.13, 0.03),
    (1.20, 0.11),
    (1.10, 0.19),
    (1.13, 0.31),
    (0.98, 0.43),
    (1.02, 0.55),
)
_CHEST = ((1.35, 0.42), (1.95, 0.12), (2.8, -0.02), (4.2, 0.0), (6.0, 0.15))


@dataclass(frozen=True)
class Fetus:
    """Geometry in mm with the head's centre at the origin.

    `outline_mm` (n, 2) is the closed skin contour; the nasal bone is a stroke of `nasal_bone_width_mm` between the
    two points of `nasal_bone_mm` (2, 2). `head_aspect` is height over length of the skull's ellipse.
    """

    head_radius_mm: float
    head_aspect: float
    band: NtBand
    outline_mm: Points
    nasal_bone_mm: Points
    nasal_bone_width_mm: float


def draw_fetus(rng: np.random.Generator, *, longest_band_mm: float) -> Fetus:
    """Draw a fetus of 11 to 13 weeks whose NT band is at most `longest_band_mm` long."""
    radius = float(rng.uniform(10.5, 13.0))
    aspect = float(rng.uniform(0.86, 0.98))
    band = _draw_band(rng, radius, longest_band_mm)
    start = radius * np.array([0.98, -0.41]) + rng.normal(0.0, 0.15, 2)
    angle = math.radians(rng.uniform(10.0, 40.0))
    bone = np.stack([start, start + rng.uniform(1.8, 3.0) * np.array([math.cos(angle), math.sin(angle)])])
    return Fetus(radius, aspect, band, _outline(rng, radius, aspect, band), bone, float(rng.uniform(0.35, 0.55)))


def smooth(corners: Points, rounds: int = 2, *, closed: bool = True) -> Points:
    """Cut the corners of a polygon (n, 2) by Chaikin's rule, `rounds` times."""
    points = corners
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0)
        cut = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1)
        ends = (points[:0], cut, points[:0]) if closed else (points[:1], cut[:-1], points[-1:])
        points = np.concatenate([part.reshape(-1, 2) for part in ends])
    return points


def _draw_band(rng: np.random.Generator, head_radius_mm: float, longest_mm: float) -> NtBand:
    low, high = THICKNESS_RANGE_MM
    thickness = float(np.exp(rng.uniform(math.log(low), math.log(high))))
    # Thick bands are long ones; the widest spread is that of boxes drawn on real scans (130 to 447 px).
    half_length = min(float(rng.uniform(4.5, 15.0)) + 0.7 * thickness, longest_mm / 2)
    inner_y = head_radius_mm * rng.uniform(1.10, 1.22)
    share = float(rng.uniform(0.3, 0.6))
    return NtBand(
        centre_mm=(head_radius_mm * float(rng.uniform(0.8, 1.05)), float(inner_y + share * thickness)),
        tilt_rad=math.radians(rng.uniform(-2.5, 2.5)),
        radius_mm=1.0 / float(rng.choice([1.0, 1.0, 1.0, -0.4]) * rng.uniform(0.002, 0.011)),
        half_length_mm=half_length,
        thickness_mm=thickness,
        taper=float(rng.uniform(0.4, 0.8)),
        inner_share=share,
        inner_line_mm=float(rng.uniform(0.32, 0.6)),
        outer_line_mm=float(rng.uniform(0.32, 0.6)),
    )


def _outline(rng: np.random.Generator, radius: float, aspect: float, band: NtBand) -> Points:
    turn = np.radians(np.linspace(118.0, 322.0, 28))
    skull = radius * np.stack([np.cos(turn), aspect * np.sin(turn)], axis=1)
    profile = radius * np.array(_PROFILE) + rng.normal(0.0, 0.012 * radius, (len(_PROFILE), 2))
    lift = np.array([0.0, rng.uniform(-0.12, 0.15)]) * np.linspace(0.2, 1.0, len(_CHEST))[:, None]
    chest = radius * (np.array(_CHEST) + lift)
    along = np.linspace(4.6 * radius, -band.half_length_mm, 60)
    back = band.point(along, band.outer_edge(along) + band.outer_line_mm)
    return smooth(np.concatenate([skull, profile, chest, back]))
