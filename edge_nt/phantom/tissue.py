"""Echo levels of a phantom scan: uterus, fluid, fetus, bones and, last and exact, the NT band."""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge_nt.phantom.band import NtBand, Points
from edge_nt.phantom.canvas import LOWEST_DB, Levels, above, amplitude, blank, ellipse, fill, stroke
from edge_nt.phantom.fetus import Fetus, smooth
from edge_nt.phantom.pose import Pose
from edge_nt.phantom.sector import Map
from edge_nt.phantom.speckle import EchoMaps

FLUID_DB = -62.0
NT_LINE_DB = -3.0
# Edges of organs are soft; the band is laid on afterwards and stays sharp.
_ORGAN_BLUR_MM = 0.22
# What echoes as strongly as this is bone, and what lies behind it is in its shadow.
_BONE_LEVEL_DB, _BONE_DB_PER_MM = -14.0, 1.5


def paint(fetus: Fetus, pose: Pose, height: int, width: int, rng: np.random.Generator) -> EchoMaps:
    """Echo maps (height, width) of the fetus in its surroundings."""
    scatter = blank(height, width, FLUID_DB)
    specular = blank(height, width, LOWEST_DB)
    _paint_uterus(scatter, specular, fetus, pose, rng)
    fill(scatter, fetus.outline_mm, rng.uniform(-27.0, -22.0), pose)
    _paint_body(scatter, specular, fetus, pose, rng)
    _paint_brain(scatter, fetus, pose, rng)
    _paint_face(scatter, fetus, pose, rng)
    _paint_skull(specular, fetus, pose, rng)
    stroke(specular, fetus.outline_mm[: len(fetus.outline_mm) * 2 // 3], 0.25, rng.uniform(-30.0, -24.0), pose)
    soft = _ORGAN_BLUR_MM / pose.mm_per_px
    scatter = np.asarray(cv2.GaussianBlur(scatter, (0, 0), soft), np.uint8)
    stroke(specular, fetus.nasal_bone_mm, fetus.nasal_bone_width_mm, rng.uniform(-11.0, -5.0), pose)
    bone = np.float32(_BONE_DB_PER_MM * pose.mm_per_px) * above(scatter, _BONE_LEVEL_DB).astype(np.float32)
    echoes = EchoMaps(amplitude(scatter), amplitude(specular), bone)
    _lay_band(echoes, fetus.band, pose, rng)
    return echoes


def _paint_uterus(scatter: Levels, specular: Levels, fetus: Fetus, pose: Pose, rng: np.random.Generator) -> None:
    """Wall above the fluid, wall below the fetus, and now and then the amnion as a second thin line."""
    radius, band = fetus.head_radius_mm, fetus.band
    x = np.linspace(-5.0, 7.0, 14) * radius
    roof = -radius * (rng.uniform(1.05, 1.9) + rng.normal(0.0, 0.07, 14) + rng.uniform(-0.12, 0.12) * x / radius)
    roof_line = smooth(np.stack([x, roof], axis=1), closed=False)
    above = np.array([[x[-1], -9 * radius], [x[0], -9 * radius]])
    fill(scatter, np.concatenate([roof_line, above]), rng.uniform(-27.0, -20.0), pose)
    for depth in np.cumsum(rng.uniform(1.0, 3.5, 5)):
        stroke(scatter, roof_line - np.array([0.0, depth]), rng.uniform(0.2, 0.7), rng.uniform(-24.0, -12.0), pose)
    along = np.linspace(-4.2, 4.8, 24) * radius
    gap = rng.uniform(0.4, 5.0) + np.abs(rng.normal(0.0, 0.5, 24))
    rise = np.where(along < 0, rng.uniform(0.0, 0.25), rng.uniform(0.0, 0.1)) * np.abs(along)
    floor_line = smooth(band.point(along, band.outer_edge(along) + band.outer_line_mm + gap - rise), closed=False)
    below = np.array([[x[-1], 9 * radius], [x[0], 9 * radius]])
    fill(scatter, np.concatenate([floor_line, below]), rng.uniform(-27.0, -19.0), pose)
    for depth in np.cumsum(rng.uniform(0.8, 3.0, 4)):
        stroke(scatter, floor_line + np.array([0.0, depth]), rng.uniform(0.3, 1.0), rng.uniform(-34.0, -14.0), pose)
    stroke(specular, floor_line, 0.35, rng.uniform(-34.0, -20.0), pose)
    if rng.random() < 0.3:
        near = np.linspace(-1.5, 2.5, 30) * radius
        amnion = band.point(near, band.outer_edge(near) + band.outer_line_mm + 0.6 * gap.min() + 0.3)
        stroke(specular, amnion, 0.2, rng.uniform(-22.0, -14.0), pose)


def _paint_body(scatter: Levels, specular: Levels, fetus: Fetus, pose: Pose, rng: np.random.Generator) -> None:
    """Muscle streaks, heart, vertebrae and the dark spaces of the neck between them and the NT."""
    radius, band = fetus.head_radius_mm, fetus.band
    reach = np.linspace(-0.25 * radius, 4.0 * radius, 40)
    base = -band.inner_share * band.thickness_mm - band.inner_line_mm
    for _ in range(34):
        start, depth = rng.uniform(0.3, 3.6) * radius, rng.uniform(0.5, 8.5)
        run = np.linspace(start, start + rng.uniform(1.5, 8.0), 8)
        slope = np.linspace(0.0, rng.normal(0.0, 0.8), 8)
        level = rng.uniform(-40.0, -11.0)
        stroke(scatter, band.point(run, base - depth + slope), rng.uniform(0.3, 1.2), level, pose)
    heart = band.point(np.array([1.7 * radius]), np.array([base - rng.uniform(5.0, 7.0)]))[0]
    fill(scatter, ellipse(heart, (rng.uniform(1.5, 2.6), rng.uniform(1.0, 1.7)), rng.uniform(-0.5, 0.5)), -42.0, pose)
    neck = radius * np.array([rng.uniform(0.35, 0.6), rng.uniform(0.55, 0.7)])
    fill(scatter, smooth(ellipse(neck, (5.5, 2.6), rng.uniform(-0.2, 0.3), 12)), rng.uniform(-44.0, -36.0), pose)
    spine = rng.uniform(2.0, 2.8)
    stroke(scatter, band.point(reach, np.full(40, base - spine)), rng.uniform(0.8, 1.3), -42.0, pose)
    spacing = rng.uniform(1.5, 2.1)
    for start in np.arange(-0.3 * radius, 2.6 * radius, spacing):
        run = np.linspace(start, start + 0.6 * spacing, 4)
        for depth in (spine - 1.0, spine + 1.0):
            across = np.full(4, base - depth + rng.normal(0.0, 0.15))
            stroke(specular, band.point(run, across), 0.3, rng.uniform(-26.0, -9.0), pose)


def _paint_brain(scatter: Levels, fetus: Fetus, pose: Pose, rng: np.random.Generator) -> None:
    """Brain darker than the body, with choroid plexus, thalami, brain stem and fluid spaces."""
    radius, aspect = fetus.head_radius_mm, fetus.head_aspect
    head = ellipse(np.zeros(2), (0.97 * radius, 0.97 * aspect * radius), 0.0, 40)
    fill(scatter, head, rng.uniform(-35.0, -29.0), pose)
    for _ in range(20):
        spot = radius * 0.6 * rng.uniform(-1.0, 1.0, 2)
        size = rng.uniform(0.5, 3.2), rng.uniform(0.3, 1.3)
        fill(scatter, ellipse(spot, size, rng.uniform(0, math.pi), 10), rng.uniform(-46.0, -20.0), pose)
    dark = ((0.15, 0.05, 2.4, 2.1), (0.15, 0.5, 2.6, 0.8), (0.35, 0.75, 3.0, 0.7), (-0.5, -0.2, 2.5, 1.0))
    for x, y, half_length, half_width in dark:
        centre = radius * (np.array([x, y]) + rng.normal(0.0, 0.06, 2))
        shape = ellipse(centre, (half_length * rng.uniform(0.6, 1.1), half_width), rng.normal(0.0, 0.3), 12)
        fill(scatter, smooth(shape + rng.normal(0.0, 0.25, shape.shape)), rng.uniform(-48.0, -38.0), pose)


def _paint_face(scatter: Levels, fetus: Fetus, pose: Pose, rng: np.random.Generator) -> None:
    """Skin over the nose, maxilla and mandible: the brightest blob of a mid-sagittal scan, with the mouth between."""
    radius = fetus.head_radius_mm
    bones = ((0.78, -0.16, 3.3, 1.0, -0.6, -6.0), (1.0, 0.02, 1.1, 0.9, 0.4, -5.0), (0.98, 0.24, 1.6, 0.6, 0.2, -10.0))
    for x, y, half_length, half_width, turn, level in bones:
        centre = radius * (np.array([x, y]) + rng.normal(0.0, 0.025, 2))
        shape = ellipse(centre, (half_length, half_width * rng.uniform(0.7, 1.1)), turn + rng.normal(0.0, 0.15), 12)
        fill(scatter, smooth(shape + rng.normal(0.0, 0.25, shape.shape)), level + rng.uniform(-4.0, 1.0), pose)
    mouth = radius * (np.array([0.88, 0.08]) + rng.normal(0.0, 0.03, 2))
    fill(scatter, ellipse(mouth, (1.0, 0.6), rng.uniform(-0.5, 0.5)), -40.0, pose)
    nose = radius * np.array([(0.98, -0.50), (1.1, -0.42), (1.27, -0.3)])
    stroke(scatter, smooth(nose, closed=False), 0.5, rng.uniform(-18.0, -10.0), pose)


def _paint_skull(specular: Levels, fetus: Fetus, pose: Pose, rng: np.random.Generator) -> None:
    """The skull, bright where it faces the beam (top and bottom), faint at its sides."""
    radius, aspect = fetus.head_radius_mm, fetus.head_aspect
    angles = np.radians(np.linspace(70.0, 325.0, 52))
    fade = np.convolve(rng.normal(0.0, 9.0, 52), np.ones(5) / 5, mode="same")
    brightest = rng.uniform(-14.0, -4.0)
    for first, last, lift in zip(angles[:-1], angles[1:], fade[1:], strict=True):
        arc = np.linspace(first, last, 3)
        points = radius * 0.97 * np.stack([np.cos(arc), aspect * np.sin(arc)], axis=1)
        facing = abs(math.sin((first + last) / 2 + pose.tilt_rad))
        level = brightest - 24.0 * (1.0 - facing**4) + float(lift)
        stroke(specular, points, 0.25 + 0.45 * facing, level, pose)


def _lay_band(echoes: EchoMaps, band: NtBand, pose: Pose, rng: np.random.Generator) -> None:
    """Lay the band and its two lines over everything, from their exact distances: edges are covered in part."""
    rows, columns, along, across = _near_band(band, pose, echoes.scatter.shape)
    scatter, specular = echoes.scatter[rows, columns], echoes.specular[rows, columns]
    inner, outer = band.inner_edge(along), band.outer_edge(along)

    def covered(low: Points, high: Points) -> Map:
        inside = np.minimum(across - low, high - across) / pose.mm_per_px
        return np.clip(inside + 0.5, 0.0, 1.0).astype(np.float32)

    dark = covered(inner, outer) * (outer > inner)
    fluid_db = rng.uniform(FLUID_DB, -44.0)
    scatter += dark * (np.float32(10.0 ** (fluid_db / 20.0)) - scatter)
    specular *= 1.0 - dark
    for low, high in ((inner - band.inner_line_mm, inner), (outer, outer + band.outer_line_mm)):
        line = covered(low, high) * _line_amplitude(along, band.half_length_mm, rng)
        np.maximum(specular, line, out=specular)


def _near_band(band: NtBand, pose: Pose, shape: tuple[int, ...]) -> tuple[slice, slice, Points, Points]:
    """Rows and columns around the band and its fading lines, with (along, across) in mm at each pixel's centre."""
    reach = np.linspace(-1.5, 1.5, 49) * band.half_length_mm
    sides = (band.inner_edge(reach) - band.inner_line_mm, band.outer_edge(reach) + band.outer_line_mm)
    contour = pose.to_px(np.concatenate([band.point(reach, side) for side in sides]))
    low, high = contour.min(axis=0) - 2, contour.max(axis=0) + 2
    rows = slice(max(0, math.floor(low[1])), min(shape[0], math.ceil(high[1])))
    columns = slice(max(0, math.floor(low[0])), min(shape[1], math.ceil(high[0])))
    y, x = np.mgrid[rows, columns] + 0.5
    along, across = band.coordinates(pose.to_mm(np.stack([x, y], axis=-1)))
    return rows, columns, along, across


def _line_amplitude(along: Points, half_length_mm: float, rng: np.random.Generator) -> Map:
    """Bright along the band, waxing and waning a little, faded out half a band's half length beyond its ends."""
    knots = np.linspace(-1.5, 1.5, 13) * half_length_mm
    beyond = np.clip((np.abs(knots) / half_length_mm - 0.4) / 1.1, 0.0, 1.0)
    level_db = NT_LINE_DB + rng.normal(-4.0, 4.0, 13) - 26.0 * beyond
    # Whatever waxes and wanes, both lines are there where the NT is measured.
    level_db[4:9] = np.clip(level_db[4:9], -9.0, 0.0)
    values = np.power(10.0, level_db / 20.0)
    values[[0, -1]] = 0.0  # nothing is laid beyond the outermost knots
    return np.interp(along, knots, values).astype(np.float32)
