"""Draws a Philips frame's depth ruler and printed distance, from the places that the release has them at."""

import numpy as np
from numpy.typing import NDArray

from edge_nt.datasets.philips_digits import DIGITS


def draw_frame(
    pitch_px: float, first_px: float, dash_every: int, printed: str, *, seed: int = 0, missing: tuple[int, ...] = ()
) -> NDArray[np.uint8]:
    """A frame (450, 640) of faint speckle: marks `pitch_px` apart, every `dash_every`-th a dash, and four digits."""
    pixels = np.random.default_rng(seed).integers(0, 60, (450, 640)).astype(np.float64)
    for number, row in enumerate(np.arange(first_px, 440, pitch_px)):
        if number not in missing:
            top, share = int(row), row - int(row)
            end = 583 if number % dash_every == 0 else 579
            pixels[top, 577:end], pixels[top + 1, 577:end] = 230 * (1 - share) + 20, 230 * share + 20
    pixels[425:446, 80:135] = 3
    for column, digit in zip((90, 102, 110, 118), printed, strict=True):
        glyph = DIGITS[int(digit)] * 24
        place = pixels[429:442, column : column + 9]
        np.maximum(place, glyph, out=place)
    return np.clip(pixels, 0, 255).astype(np.uint8)
