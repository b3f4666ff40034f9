"""The one preprocessing: geometry both ways, aspect, bars and determinism."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_folders import scan

from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import (
    Preprocess,
    affine_for,
    from_unit_range,
    letterbox,
    to_unit_range,
    unletterbox,
)
from edge_nt.imaging.roi import Roi

SIDES = st.integers(16, 3000)
INPUTS = st.sampled_from([(192, 192), (192, 256), (256, 192), (320, 448)])


def edges(roi: Roi) -> np.ndarray:
    return np.array([roi.h_min, roi.w_min, roi.h_max, roi.w_max])


@given(
    height=SIDES,
    width=SIDES,
    sides=INPUTS,
    corner=st.tuples(st.floats(0, 0.8), st.floats(0, 0.8)),
    extent=st.tuples(st.floats(0.01, 0.2), st.floats(0.01, 0.2)),
)
def test_boxes_map_there_and_back(
    height: int, width: int, sides: tuple[int, int], corner: tuple[float, float], extent: tuple[float, float]
) -> None:
    top, left = corner[0] * height, corner[1] * width
    box = Roi("NT", top, left, top + extent[0] * height, left + extent[1] * width)
    affine = affine_for(height, width, Preprocess(*sides))
    inside = affine.to_network(box)
    np.testing.assert_allclose(edges(affine.to_source(inside)), edges(box), rtol=0, atol=1e-6)
    assert inside.h_min >= 0
    assert inside.w_min >= 0
    assert inside.h_max <= sides[0] + 1e-6
    assert inside.w_max <= sides[1] + 1e-6


@given(height=SIDES, width=SIDES, sides=INPUTS)
def test_aspect_is_kept_within_a_pixel(height: int, width: int, sides: tuple[int, int]) -> None:
    affine = affine_for(height, width, Preprocess(*sides))
    scale = min(sides[0] / height, sides[1] / width)
    # A frame thinner than one network pixel is still given one.
    assert abs(affine.scale_h * height - scale * height) <= 1.0
    assert abs(affine.scale_w * width - scale * width) <= 1.0
    assert affine.scale_h * height == pytest.approx(sides[0]) or affine.scale_w * width == pytest.approx(sides[1])


@settings(max_examples=25)
@given(height=st.integers(16, 700), width=st.integers(16, 700), seed=st.integers(0, 9), masked=st.booleans())
def test_letterbox_is_deterministic_uint8(height: int, width: int, seed: int, masked: bool) -> None:
    preprocess = Preprocess(192, 256, masked)
    boxed = letterbox(scan(seed, height, width), preprocess)
    assert (boxed.shape, boxed.dtype) == ((192, 256), np.uint8)
    np.testing.assert_array_equal(boxed, letterbox(scan(seed, height, width), preprocess))


def test_the_affine_says_where_pixels_land() -> None:
    # A bright block in the source must fill its mapped box in the network input, and nothing else.
    pixels = np.zeros((480, 700), np.uint8)
    pixels[120:240, 140:280] = 200
    preprocess = Preprocess()
    boxed = letterbox(pixels, preprocess)
    inside = affine_for(480, 700, preprocess).to_network(Roi("block", 120, 140, 240, 280))
    rows, columns = np.nonzero(boxed > 100)
    found = np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
    assert np.abs(found - edges(inside)).max() <= 0.51


def test_shrinking_averages_areas_and_bars_are_black() -> None:
    pixels = scan(2, 384, 384)
    boxed = letterbox(pixels, Preprocess(192, 256))
    means = pixels.astype(float).reshape(192, 2, 192, 2).mean(axis=(1, 3))
    assert np.abs(boxed[:, 32:224] - means).max() <= 0.5
    assert not boxed[:, :32].any()
    assert not boxed[:, 224:].any()


def test_unletterbox_returns_a_smooth_frame() -> None:
    pixels = cv2.GaussianBlur(scan(3, 300, 500), (0, 0), 8)
    back = unletterbox(letterbox(pixels, Preprocess()), 300, 500, Preprocess())
    assert back.shape == pixels.shape
    assert np.abs(back.astype(int) - pixels).mean() < 1.0


def test_millimetres_follow_the_scale() -> None:
    vertical, horizontal = affine_for(384, 512, Preprocess(192, 256)).network_mm_per_px(0.1)
    assert (vertical, horizontal) == (pytest.approx(0.2), pytest.approx(0.2))


def test_unit_range_is_exact_both_ways() -> None:
    frames = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    unit = to_unit_range(frames)
    assert (unit.shape, unit.dtype, unit.min(), unit.max()) == ((1, 1, 16, 16), np.float32, 0.0, 1.0)
    np.testing.assert_array_equal(from_unit_range(unit), frames)
    np.testing.assert_array_equal(from_unit_range(np.array([[[[-1.0, 2.0]]]], np.float32)), [[[0, 255]]])


@pytest.mark.parametrize("sides", [(128, 256), (192, 200), (0, 192), (-192, 192)])
def test_other_sizes_are_refused(sides: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="multiples of 64"):
        Preprocess(*sides)
