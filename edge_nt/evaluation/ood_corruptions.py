"""Graded corruptions of preprocessed frames: what goes wrong at a scanner, in steps from slight to gross.

Each is a pure function of a frame uint8 (H, W), a level and a seeded generator, and stands for an event in the clinic:
gain turned, a lens out of contact, a rib or bone shadow, electronic noise, another depth, a cable out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Corrupt = Callable[[Frame, float, np.random.Generator], Frame]


@dataclass(frozen=True)
class Corruption:
    """A named corruption, what its levels mean, and the levels from slight to gross."""

    name: str
    unit: str
    levels: tuple[float, ...]
    apply: Corrupt

    def stated(self, level: float) -> float | None:
        """The level as results state it: None where there is but one."""
        return level if len(self.levels) > 1 else None


def gain(frame: Frame, decibel: float, _generator: np.random.Generator) -> Frame:
    """Overall gain, as amplitude of the displayed gray level: −6 dB halves it, what passes white is cut off."""
    return _rounded(frame * 10 ** (decibel / 20))


def blur(frame: Frame, sigma_px: float, _generator: np.random.Generator) -> Frame:
    """Gaussian blur: a lens out of focus, or a picture scaled up from a smaller one."""
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma_px), np.uint8)


def shadow(frame: Frame, share: float, generator: np.random.Generator) -> Frame:
    """An acoustic shadow over `share` of the width: everything behind a bright reflector fades to a twentieth."""
    height, width = frame.shape
    covered = max(1, round(width * share))
    left = int(generator.integers(0, width - covered + 1))
    top = int(generator.integers(0, height // 4 + 1))
    across = np.zeros(width, np.float32)
    across[left : left + covered] = 1
    depth = np.clip((np.arange(height) - top) / (0.1 * height), 0, 1)
    cast = depth[:, None] * cv2.GaussianBlur(across[None], (0, 0), 0.01 * width)
    return _rounded(frame * (1 - 0.95 * cast))


def noise(frame: Frame, deviation: float, generator: np.random.Generator) -> Frame:
    """Electronic noise of so many gray levels, rectified as a scanner shows it."""
    return _rounded(np.abs(frame + deviation * generator.standard_normal(frame.shape)))


def off_skin(frame: Frame, level: float, generator: np.random.Generator) -> Frame:
    """The probe off the skin: reverberation bands of `level` near the probe, dying away over black."""
    height, width = frame.shape
    rows = np.arange(height)
    spacing = height * generator.uniform(0.02, 0.05)
    bands = np.square(np.cos(np.pi * rows / spacing)) * np.exp(-rows / (height * generator.uniform(0.03, 0.08)))
    speckle = generator.rayleigh(1 / np.sqrt(np.pi / 2), (height, width))
    return _rounded(level * bands[:, None] * speckle)


def black(frame: Frame, _level: float, _generator: np.random.Generator) -> Frame:
    """Nothing at all: a cable out, a frozen grabber."""
    return np.zeros_like(frame)


def inverted(frame: Frame, share: float, _generator: np.random.Generator) -> Frame:
    """Gray levels turned over: all of them at a share of 1, mixed to mid-gray below."""
    return _rounded(frame * (1 - share) + (255.0 - frame) * share)


def depth(frame: Frame, factor: float, _generator: np.random.Generator) -> Frame:
    """Another depth setting: the picture `factor` times as large about its middle; below 1, black around it."""
    height, width = frame.shape
    turn = np.array([[factor, 0, (1 - factor) * (width - 1) / 2], [0, factor, (1 - factor) * (height - 1) / 2]])
    if factor >= 1:
        return np.asarray(cv2.warpAffine(frame, turn, (width, height), flags=cv2.INTER_LINEAR), np.uint8)
    small = cv2.resize(frame, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    placed = np.zeros_like(frame)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    placed[top : top + small.shape[0], left : left + small.shape[1]] = small
    return placed


def turned(frame: Frame, degrees: float, _generator: np.random.Generator) -> Frame:
    """The picture turned about its middle; 180 is the scanner's up/down switch. What comes from outside is black."""
    height, width = frame.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(frame, turn, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


def scrambled(frame: Frame, parts: float, generator: np.random.Generator) -> Frame:
    """Tiles of the picture, `parts` a side, in another order: no anatomy, with the levels and texture of a scan."""
    count = round(parts)
    height, width = (side // count * count for side in frame.shape)
    tiles = frame[:height, :width].reshape(count, height // count, count, width // count).swapaxes(1, 2)
    drawn = generator.permutation(tiles.reshape(count * count, *tiles.shape[2:]))
    mixed = frame.copy()
    mixed[:height, :width] = drawn.reshape(tiles.shape).swapaxes(1, 2).reshape(height, width)
    return np.asarray(mixed, np.uint8)


CORRUPTIONS = (
    Corruption("gain down", "dB", (-3.0, -6.0, -12.0, -18.0, -24.0), gain),
    Corruption("gain up", "dB", (3.0, 6.0, 9.0, 12.0), gain),
    Corruption("blur", "px sigma", (0.5, 1.0, 2.0, 4.0, 8.0), blur),
    Corruption("shadow", "of the width", (0.1, 0.2, 0.4, 0.6), shadow),
    Corruption("noise", "gray levels", (4.0, 8.0, 16.0, 32.0), noise),
    Corruption("off skin", "gray levels at the probe", (60.0, 120.0, 240.0), off_skin),
    Corruption("black", "", (1.0,), black),
    Corruption("inverted", "share", (0.25, 0.5, 0.75, 1.0), inverted),
    Corruption("zoom in", "times", (1.25, 1.5, 2.0, 3.0), depth),
    Corruption("zoom out", "times", (0.85, 0.7, 0.5, 0.35), depth),
    Corruption("turned", "degrees", (10.0, 20.0, 45.0, 180.0), turned),
    Corruption("scrambled", "tiles a side", (2.0, 3.0, 4.0), scrambled),
)

# With any of these there is no picture to measure in: no bundle may ship that takes it for a scan.
GROSS = frozenset(
    (each.name, each.stated(level))
    for each in CORRUPTIONS
    for level in each.levels
    if each.name in ("off skin", "black") or (each.name, level) in (("blur", 4.0), ("blur", 8.0), ("inverted", 1.0))
)


def _rounded(levels: NDArray[np.floating[Any]]) -> Frame:
    rounded: Frame = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    return rounded
