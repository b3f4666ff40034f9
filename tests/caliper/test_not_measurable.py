"""The caliper on what is no band at all: a reason instead of a thickness; what is no image or no spacing is refused."""

import math

import cv2
import numpy as np
import pytest
from drawn_band import box_around, draw_band
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_nt.caliper.caliper import CaliperReading, measure_thickness
from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi


def speckle(seed: int) -> NDArray[np.float32]:
    parts = np.random.default_rng(seed).standard_normal((2, 120, 240))
    blurred = [cv2.GaussianBlur(part, (0, 0), sigmaX=2.5, sigmaY=1.0) for part in parts]
    envelope = np.hypot(*blurred)
    return np.asarray(np.clip(0.5 + 0.12 * np.log(envelope / np.median(envelope)), 0, 1), np.float32)


def test_speckle_alone_is_no_band() -> None:
    readings = [measure_thickness(speckle(seed), Roi("NT", 50, 60, 70, 180)) for seed in range(20)]
    assert not [reading for reading in readings if reading.thickness_px is not None]
    assert {reading.reason for reading in readings} <= {
        "no dark band between two lines along the box",
        "band too short in the box",
        "lines too faint against the band",
    }


BAND = draw_band(9.0)
NOISE = np.random.default_rng(0).random((96, 192), np.float32)
ONE_LINE = np.where(np.arange(96)[:, None] < 48, np.maximum(BAND, 0.0), BAND.min()).astype(np.float32)


@pytest.mark.parametrize(
    ("image", "box", "reason"),
    [
        (np.full((96, 192), 0.4, np.float32), box_around(12, 50), "no contrast in the box"),
        (BAND * np.float32(0.03), box_around(12, 50), "no contrast in the box"),
        (BAND * np.float32(0.1), box_around(12, 50), "lines too faint against the band"),
        (ONE_LINE, box_around(12, 50), "no dark band between two lines along the box"),
        (BAND, Roi("NT", 200, 10, 220, 100), "box outside the image"),
        (BAND, Roi("NT", -30, 10, -5, 100), "box outside the image"),
        (BAND, Roi("NT", 47, 90, 49, 150), "box too small"),
        (BAND, Roi("NT", 44, 90, 53, 101), "box too small"),
        (NOISE[:4], Roi("NT", 0, 20, 4, 120), "box too small"),
        (NOISE[:, :3], Roi("NT", 20, -19, 80, 43), "box too small"),
        (np.where(BAND > 0.7, np.nan, BAND).astype(np.float32), box_around(12, 50), "image not finite in the box"),
        (np.where(BAND > 0.7, np.inf, BAND).astype(np.float32), box_around(3, 50), "image not finite in the box"),
    ],
)
def test_what_is_not_measurable_says_why(image: NDArray[np.float32], box: Roi, reason: str) -> None:
    reading = measure_thickness(image, box, (0.1, 0.1))
    assert reading.thickness_px is None
    assert reading.thickness_mm is None
    assert (reading.upper, reading.lower) == (None, None)
    assert reading.reason == reason


def test_a_profile_that_leaves_the_box_for_pixels_that_are_none_is_told_apart() -> None:
    rows, columns = np.mgrid[:96, :192].astype(np.float32)
    from_middle = (rows - 48 - np.tan(np.radians(12)) * (columns - 96)) * np.cos(np.radians(12))
    tilted = np.where(np.abs(from_middle) < 4, 0.1, np.where(np.abs(from_middle) < 8, 0.9, 0.4)).astype(np.float32)
    box = Roi("NT", 28, 60, 68, 130)
    assert measure_thickness(tilted, box).reason is None
    tilted[:, [59, 130]] = np.nan
    reading = measure_thickness(tilted, box)
    assert (reading.reason, reading.confidence) == ("image not finite beside the box", 0.0)


@given(
    st.integers(2, 40),
    st.integers(2, 60),
    st.tuples(st.floats(-20, 60), st.floats(-20, 80), st.floats(0.1, 60), st.floats(0.1, 80)),
    st.integers(0, 2**32 - 1),
)
def test_any_box_on_any_image_gives_a_reading_or_a_reason(
    height: int, width: int, edges: tuple[float, float, float, float], seed: int
) -> None:
    image = np.random.default_rng(seed).random((height, width), np.float32)
    top, left, high, wide = edges
    reading = measure_thickness(image, Roi("NT", top, left, top + high, left + wide), (0.1, 0.2))
    assert (reading.thickness_px is None) == (reading.reason is not None)
    assert 0 <= reading.confidence <= 1
    for point in (reading.upper, reading.lower):
        assert point is None or all(math.isfinite(each) for each in point)


@pytest.mark.parametrize("image", [np.zeros((3, 4, 3), np.float32), np.zeros((1, 50), np.float32)])
def test_what_is_no_gray_image_is_refused(image: NDArray[np.float32]) -> None:
    with pytest.raises(InputError, match="gray image"):
        measure_thickness(image, box_around(12, 50))


@pytest.mark.parametrize("spacing", [(0.0, 0.1), (0.1, math.nan), (-1.0, 0.1)])
def test_a_spacing_that_is_none_is_refused(spacing: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="spacing"):
        measure_thickness(BAND, box_around(12, 50), spacing)


def test_a_reading_has_a_thickness_or_a_reason() -> None:
    with pytest.raises(InputError, match="thickness with both of its points"):
        CaliperReading(3.0, None, (1.0, 2.0), (4.0, 2.0), 0.9, "too faint")
    with pytest.raises(InputError, match="thickness with both of its points"):
        CaliperReading(None, 0.3, None, None, 0.9, "too faint")
