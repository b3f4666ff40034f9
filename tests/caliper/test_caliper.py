"""The caliper on bands that are drawn, and on phantoms."""

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
