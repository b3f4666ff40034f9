"""From echo maps to a log-compressed scan: attenuation, shadows, Rayleigh speckle, point spread, dynamic range.

The model is the usual linear one: scatterers are complex Gaussian, their amplitude the tissue map; smooth interfaces
add a coherent part; the point spread blurs the sum along and across the beams; the envelope is its magnitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.phantom.sector import Map, Sector, to_beams, to_frame
from edge_nt.phantom.style import Style

# How much wider the beam is at the frame's far edge than at its focus.
_DEFOCUS = 2.2


@dataclass(frozen=True)
class EchoMaps:
    """Amplitudes (H, W) float32 on the frame's grid, 1 = full scale at 0 dB gain.

    `scatter` feeds speckle, `specular` is coherent (bright lines), `bone` is attenuation in dB per px of depth.
    """

    scatter: Map
    specular: Map
    bone: Map


def render_scan(echoes: EchoMaps, sector: Sector, style: Style, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The scan (H, W) uint8 of the echo maps, black outside of the sector, without overlays."""
    height, width = echoes.scatter.shape
    scatter, specular, bone = to_beams((echoes.scatter, echoes.specular, echoes.bone), sector)
    loss_db = _loss_db(bone, style)
    specular = specular * _amplitude(-loss_db)
    scatter = scatter * _amplitude(_texture_db(rng, scatter.shape) - loss_db)
    envelope = _envelope(scatter, specular, sector, style, rng)
    gray = to_frame(_compress(envelope, style), sector, height, width)
    return np.rint(np.clip(gray, 0.0, 255.0)).astype(np.uint8)


def _amplitude(level_db: Map) -> Map:
    return np.asarray(cv2.exp(level_db * np.float32(np.log(10.0) / 20.0)), np.float32)


def _loss_db(bone_db: Map, style: Style) -> Map:
    """What attenuation and the shadows of bone take away at each sample, in dB."""
    rows = np.arange(bone_db.shape[0], dtype=np.float32)[:, None]
    residual_db = rows * np.float32(style.attenuation_db_per_mm * style.mm_per_px)
    shadow_db = np.minimum(np.cumsum(bone_db, axis=0, dtype=np.float32), np.float32(14.0))
    return np.asarray(residual_db + shadow_db, np.float32)


def _texture_db(rng: np.random.Generator, shape: tuple[int, ...]) -> Map:
    """Slow variation of tissue brightness, streaked across the beams as muscle and placenta are."""
    total = np.zeros(shape, np.float32)
    for rows, columns, strength_db in ((8, 8, 2.5), (34, 14, 3.6), (110, 40, 2.8)):
        coarse = rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(strength_db)
        total += cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return total


def _envelope(scatter: Map, specular: Map, sector: Sector, style: Style, rng: np.random.Generator) -> Map:
    axial = style.axial_psf_mm / style.mm_per_px
    focus_px = sector.near_px + style.focus * (sector.far_px - sector.near_px)
    lateral = style.lateral_psf_mm / style.mm_per_px / (focus_px * sector.beam_spacing_rad())
    away = np.abs(sector.radii_px() - np.float32(focus_px)) / np.float32(sector.far_px - sector.near_px)
    blend = np.clip(away * np.float32(1.6), 0.0, 1.0).astype(np.float32)[:, None]
    level = _speckle_level(axial, lateral, blend) * np.float32(style.speckle)
    coherent = np.float32(np.sqrt(1.0 - style.speckle**2))
    shape = scatter.shape
    real = scatter * (rng.standard_normal(shape, dtype=np.float32) * level + coherent) + specular
    imaginary = scatter * rng.standard_normal(shape, dtype=np.float32) * level
    parts = [_spread(part, axial, lateral, blend) for part in (real, imaginary)]
    return np.asarray(cv2.magnitude(parts[0], parts[1]), np.float32)


def _spread(part: Map, axial: float, lateral: float, blend: Map) -> Map:
    focused = cv2.GaussianBlur(part, (0, 0), sigmaX=lateral, sigmaY=axial, borderType=cv2.BORDER_REFLECT)
    wide = cv2.GaussianBlur(focused, (0, 0), sigmaX=lateral * _widening(), sigmaY=0.01, borderType=cv2.BORDER_REFLECT)
    return np.asarray(focused + blend * (wide - focused), np.float32)


def _widening() -> float:
    """Gaussians add in squares: the second blur that brings the focused beam to `_DEFOCUS` times its width."""
    return math.sqrt(_DEFOCUS**2 - 1.0)


def _speckle_level(axial: float, lateral: float, blend: Map) -> Map:
    """Per depth (n, 1): what white noise (real or imaginary) is scaled by so that the blurred mean power is 1.

    The point spread at a depth is (1 − b)·G(lateral) + b·G(wide) across and G(axial) along; the power of white noise
    through it is the sum of its squares, in closed form for Gaussians: ∫G(s)G(t) = 1 / √(2π(s² + t²)).
    """
    wide = lateral * _DEFOCUS

    def overlap(s: float, t: float) -> float:
        return 1.0 / math.sqrt(2 * math.pi * (s * s + t * t))

    across = (
        np.square(1 - blend) * overlap(lateral, lateral)
        + 2 * blend * (1 - blend) * overlap(lateral, wide)
        + np.square(blend) * overlap(wide, wide)
    )
    return np.asarray(1.0 / np.sqrt(2.0 * across * overlap(axial, axial)), np.float32)


def _compress(envelope: Map, style: Style) -> Map:
    """Envelope → gray [0, 255]: noise floor, gain, logarithm, dynamic range and gray map."""
    floor = np.float32(10.0 ** (style.noise_floor_db / 10.0))
    power = cv2.log(np.square(envelope) + floor)
    per_db = 1.0 / style.dynamic_range_db
    unit = power * np.float32(10.0 / np.log(10.0) * per_db) + np.float32(1.0 + style.gain_db * per_db)
    gray = cv2.pow(np.clip(unit, np.float32(0.0), np.float32(1.0)), style.gray_gamma)
    return np.asarray(gray * np.float32(255.0), np.float32)
