"""The sector mask: keeps the ultrasound, blacks out text, rulers and thumbnails beside it."""

import cv2
import numpy as np
import pytest

from edge_nt.imaging.sector import mask_overlays, sector_mask


@pytest.fixture
def sector() -> np.ndarray:
    """True inside a fan whose apex is above the frame."""
    fan = np.zeros((400, 520), np.uint8)
    cv2.ellipse(fan, (260, -40), (400, 400), 90, -35, 35, 1, cv2.FILLED)
    return fan.astype(bool)


def speckled(inside: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).rayleigh(60, inside.shape).clip(10, 255)
    return np.where(inside, noise, 0).astype(np.uint8)


def test_mask_finds_the_fan(sector: np.ndarray) -> None:
    mask = sector_mask(speckled(sector))
    overlap = np.logical_and(mask, sector).sum() / np.logical_or(mask, sector).sum()
    # The hull straightens the fan's lower arc hardly at all, but bridges the corners at its top.
    assert overlap > 0.9


def test_text_rulers_and_thumbnails_are_blacked_out(sector: np.ndarray) -> None:
    clean = speckled(sector)
    drawn = clean.copy()
    cv2.putText(drawn, "12 w 3 d", (2, 380), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    cv2.line(drawn, (512, 20), (512, 380), 255, 1)
    for row in range(20, 380, 20):
        cv2.line(drawn, (506, row), (512, row), 255, 1)
    cv2.rectangle(drawn, (5, 5), (35, 30), 180, cv2.FILLED)
    masked = mask_overlays(drawn)
    np.testing.assert_array_equal(masked, mask_overlays(clean))
    assert not masked[:, 500:].any()


def test_dark_holes_inside_the_fan_stay(sector: np.ndarray) -> None:
    pixels = speckled(sector)
    cv2.circle(pixels, (260, 220), 40, 0, cv2.FILLED)
    assert sector_mask(pixels)[220, 260]


def test_a_black_frame_has_no_sector() -> None:
    black = np.zeros((64, 80), np.uint8)
    assert not sector_mask(black).any()
    assert not mask_overlays(black).any()


def test_a_full_frame_is_all_sector() -> None:
    full = np.full((64, 80), 90, np.uint8)
    np.testing.assert_array_equal(mask_overlays(full), full)
