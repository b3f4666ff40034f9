"""The caliper on bands that are drawn, on phantoms, and on what is no band at all."""

import math
from functools import cache

import cv2
import numpy as np
import pytest
from drawn_band import box_around, draw_band
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.measure import profile_line

from edge_nt.caliper.caliper import CaliperReading, measure_thickness
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess, affine_for, letterbox, to_unit_range
from edge_nt.imaging.roi import Roi
from edge_nt.phantom.generate import render_phantom


def thickness(reading: CaliperReading) -> float:
    assert reading.thickness_px is not None, reading
    return reading.thickness_px


@cache
def at_network_size(seed: int, number: int) -> tuple[NDArray[np.float32], Roi, tuple[float, float], float]:
    phantom = render_phantom(seed, number % 6, number // 6, overlays=False)
    pixels = phantom.frame.pixels
    affine = affine_for(*pixels.shape, Preprocess())
    image = to_unit_range(letterbox(pixels, Preprocess())[None])[0, 0]
    spacing = affine.network_mm_per_px(phantom.pose.mm_per_px)
    return image, affine.to_network(phantom.boxes[0].roi), spacing, phantom.thickness_mm


@pytest.mark.parametrize("tilt_deg", [-20, -7, 0, 12, 20])
@pytest.mark.parametrize("thickness_px", [4.3, 6.8, 11.5, 18.2])
def test_drawn_bands_are_measured_to_a_fraction_of_a_pixel(thickness_px: float, tilt_deg: float) -> None:
    image = draw_band(thickness_px, tilt_deg=tilt_deg)
    box = box_around(thickness_px / 2 + 4 + 50 * math.tan(math.radians(abs(tilt_deg))), 50)
    reading = measure_thickness(image, box)
    assert thickness(reading) == pytest.approx(thickness_px, abs=0.15 + 0.01 * thickness_px)
    assert reading.upper is not None
    assert reading.lower is not None
    assert math.dist(reading.upper, reading.lower) == pytest.approx(reading.thickness_px)
    slope = math.degrees(math.atan2(reading.lower[1] - reading.upper[1], reading.lower[0] - reading.upper[0]))
    assert slope == pytest.approx(-tilt_deg, abs=4.0)


def test_a_curved_band_is_followed() -> None:
    image = draw_band(8.0, curvature=0.004, centre=(36.3, 95.6))
    assert thickness(measure_thickness(image, Roi("NT", 28, 36, 60, 156))) == pytest.approx(8.0, abs=0.35)


def test_the_widest_part_is_read() -> None:
    reading = measure_thickness(draw_band(12.0, taper=0.003), box_around(10, 50))
    assert thickness(reading) == pytest.approx(12.0, abs=0.3)
    assert reading.upper is not None
    assert reading.upper[1] == pytest.approx(95.6, abs=6)


@pytest.mark.parametrize("gain", [0.6, 1.2])
def test_gain_and_offset_change_nothing(gain: float) -> None:
    image = draw_band(9.3, tilt_deg=6)
    plain, other = (measure_thickness(each, box_around(14, 50)) for each in (image, image * np.float32(gain) + 0.02))
    assert thickness(other) == pytest.approx(thickness(plain), abs=1e-4)


def test_mirrored_moved_and_turned_bands_are_as_thick() -> None:
    image, box = draw_band(9.3, tilt_deg=6, taper=0.001), box_around(14, 50)
    height, width = image.shape
    reference = thickness(measure_thickness(image, box))
    left = Roi("NT", box.h_min, width - box.w_max, box.h_max, width - box.w_min)
    down = Roi("NT", height - box.h_max, box.w_min, height - box.h_min, box.w_max)
    turned = Roi("NT", box.w_min, box.h_min, box.w_max, box.h_max)
    moved = np.roll(image, (5, -7), axis=(0, 1))
    shifted = Roi("NT", box.h_min + 5, box.w_min - 7, box.h_max + 5, box.w_max - 7)
    assert thickness(measure_thickness(image[:, ::-1], left)) == pytest.approx(reference, abs=0.05)
    assert thickness(measure_thickness(image[::-1], down)) == pytest.approx(reference, abs=0.05)
    assert thickness(measure_thickness(image.T, turned)) == pytest.approx(reference, abs=1e-6)
    assert thickness(measure_thickness(moved, shifted)) == pytest.approx(reference, abs=1e-6)


def test_a_loose_box_reads_the_same() -> None:
    image = draw_band(9.3, tilt_deg=4)
    tight, loose = (thickness(measure_thickness(image, box)) for box in (box_around(9, 50), box_around(16, 75)))
    assert loose == pytest.approx(tight, abs=0.1)


def test_burned_in_crosses_do_not_change_the_reading() -> None:
    image = draw_band(12.0, taper=0.001)
    clean = thickness(measure_thickness(image, box_around(12, 50)))
    for row in (42, 54):
        cv2.drawMarker(image, (80, row), 1.0, cv2.MARKER_CROSS, 7, 1)
    assert thickness(measure_thickness(image, box_around(12, 50))) == pytest.approx(clean, abs=0.4)


def test_the_border_is_half_way_up_the_flank_as_an_outside_profile_has_it() -> None:
    image = draw_band(10.4, tilt_deg=9)
    reading = measure_thickness(image, box_around(22, 50))
    assert reading.upper is not None
    assert reading.lower is not None
    upper, lower = np.array(reading.upper) - 0.5, np.array(reading.lower) - 0.5
    normal = (lower - upper) / np.linalg.norm(lower - upper)
    length = 6.0
    for border, outwards in ((upper, -normal), (lower, normal)):
        profile = profile_line(image, border - length * outwards, border + length * outwards, linewidth=1, order=1)
        half = (profile.min() + profile.max()) / 2
        crossing = np.interp(half, profile, np.linspace(-length, length, profile.size))
        assert crossing == pytest.approx(0.0, abs=0.25)


def test_millimetres_only_with_a_spacing_and_perpendicular_in_them() -> None:
    image = draw_band(10.0, tilt_deg=15, aspect=1.5)
    box = Roi("NT", 30, 60, 67, 130)
    assert measure_thickness(image, box).thickness_mm is None
    reading = measure_thickness(image, box, (0.1, 0.15))
    assert reading.thickness_mm == pytest.approx(1.0, abs=0.03)
    assert reading.upper is not None
    assert reading.lower is not None
    rows, columns = reading.lower[0] - reading.upper[0], reading.lower[1] - reading.upper[1]
    assert reading.thickness_mm == pytest.approx(math.hypot(0.1 * rows, 0.15 * columns))


@given(st.integers(0, 2**32 - 1), st.sampled_from(range(6)))
def test_a_grey_level_of_noise_never_makes_it_jump(seed: int, number: int) -> None:
    image, roi, spacing, _ = at_network_size(11, number)
    noise = np.random.default_rng(seed).choice([-1.0, 0.0, 1.0], image.shape) / 255
    before = measure_thickness(image, roi, spacing)
    after = measure_thickness(np.asarray(image + noise, np.float32), roi, spacing)
    assert thickness(after) == pytest.approx(thickness(before), abs=0.05)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("upper_px", "lower_px", "expected_px"), [(8.0, 8.0, None), (8.0, 9.0, None), (6.0, 10.0, 10.0)]
)
def test_of_two_bands_the_better_is_read_and_equal_ones_are_not_measurable(
    upper_px: float, lower_px: float, expected_px: float | None, seed: int
) -> None:
    bands = draw_band(upper_px, centre=(38.3, 95.6)), draw_band(lower_px, centre=(58.3, 95.6))
    noise = np.random.default_rng(seed).choice([-1.0, 0.0, 1.0], (96, 192)) / 255
    image = np.asarray(np.concatenate([bands[0][:48], bands[1][48:]]) + noise, np.float32)
    reading = measure_thickness(image, Roi("NT", 28, 46, 68, 146))
    assert reading.thickness_px == (None if expected_px is None else pytest.approx(expected_px, abs=0.1))


def test_phantoms_lie_within_the_stated_limits() -> None:
    errors = []
    for number in range(24):
        image, roi, spacing, true_mm = at_network_size(23, number)
        reading = measure_thickness(image, roi, spacing)
        assert reading.thickness_mm is not None, (number, reading)
        errors.append(reading.thickness_mm - true_mm)
    assert -0.32 < np.mean(errors) < -0.2
    assert np.std(errors) < 0.08


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
