"""Boxes and polygons: what they refuse, which pixels they touch, how they grow, and what each structure weighs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.morphology import dilation

from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi, polygon_roi, roi_weights

EDGE = st.floats(-50, 150)


@pytest.mark.parametrize("edges", [(5, 0, 5, 9), (6, 0, 5, 9), (0, 9, 5, 9), (math.nan, 0, 5, 9), (0, 0, math.inf, 9)])
def test_empty_and_endless_boxes_are_refused(edges: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match="NT"):
        Roi("NT", *edges)


def test_a_box_covers_its_rows_and_columns() -> None:
    covered = np.zeros((10, 12), np.uint8)
    covered[Roi("NT", 3, 2.5, 5, 4.0).slices(10, 12)] = 1
    assert np.argwhere(covered).tolist() == [[3, 2], [3, 3], [4, 2], [4, 3]]


@given(h=st.tuples(EDGE, EDGE), w=st.tuples(EDGE, EDGE), height=st.integers(1, 120), width=st.integers(1, 120))
def test_slices_hold_at_least_one_pixel_of_the_image(
    h: tuple[float, float], w: tuple[float, float], height: int, width: int
) -> None:
    if h[0] == h[1] or w[0] == w[1]:
        return
    rows, columns = Roi("NT", min(h), min(w), max(h), max(w)).slices(height, width)
    assert 0 <= rows.start < rows.stop <= height
    assert 0 <= columns.start < columns.stop <= width


SIDE = st.integers(-200, 600).map(lambda quarters: quarters / 4)


@given(h=st.tuples(SIDE, SIDE), w=st.tuples(SIDE, SIDE), grown_px=st.integers(0, 5))
def test_a_rectangle_has_the_mask_of_its_box_however_far_it_is_grown(
    h: tuple[float, float], w: tuple[float, float], grown_px: int
) -> None:
    if h[0] == h[1] or w[0] == w[1]:
        return
    box = Roi("NT", min(h), min(w), max(h), max(w))
    rectangle = polygon_roi("NT", box.outline)
    assert (rectangle.h_min, rectangle.w_min, rectangle.h_max, rectangle.w_max) == (min(h), min(w), max(h), max(w))
    assert rectangle.overlaps(90, 120) == box.overlaps(90, 120)
    if box.overlaps(90, 120):
        assert np.array_equal(rectangle.mask(90, 120, grown_px), box.mask(90, 120, grown_px))


@pytest.mark.parametrize("grown_px", [0, 1, 3])
def test_a_box_grows_as_it_always_did(grown_px: int) -> None:
    mask = np.zeros((40, 50), bool)
    mask[5 - grown_px : 9 + grown_px, max(1 - grown_px, 0) : 20 + grown_px] = True
    assert np.array_equal(Roi("NT", 5.2, 1.0, 8.5, 20.0).mask(40, 50, grown_px), mask)


@pytest.mark.parametrize("grown_px", [1, 2, 4])
def test_a_polygon_grows_as_scikit_image_dilates(grown_px: int) -> None:
    line = polygon_roi("CRL", (((4.0, 3.0), (5.5, 3.0), (30.0, 44.0), (28.5, 44.0)),))
    square = np.ones((2 * grown_px + 1, 2 * grown_px + 1))
    assert np.array_equal(line.mask(40, 50, grown_px), dilation(line.mask(40, 50), square))


def test_pixels_inside_are_those_of_the_mask() -> None:
    images = np.random.default_rng(0).random((2, 40, 50))
    triangle = polygon_roi("bone", (((3.0, 3.0), (30.5, 8.0), (9.0, 41.0)),))
    box = Roi("NT", 3.5, 4, 20, 30)
    for roi in (triangle, box):
        assert np.array_equal(roi.inside(images).reshape(2, -1), images[:, roi.mask(40, 50)])


def test_a_polygon_must_have_the_box_around_it() -> None:
    with pytest.raises(InputError, match=r"\(0.0, 0.0, 4.0, 3.0\)"):
        Roi("NT", 0, 0, 5, 3, (((0.0, 0.0), (4.0, 3.0), (1.0, 3.0)),))


def test_a_polygon_moves_with_its_box() -> None:
    triangle = polygon_roi("bone", (((3.0, 3.0), (30.5, 8.0), (9.0, 41.0)),))
    moved = triangle.mapped(lambda h: h * 0.3 + 7, lambda w: w / 3 - 1)
    assert moved.polygon[0][1] == (30.5 * 0.3 + 7, 8.0 / 3 - 1)
    assert (moved.h_min, moved.w_max) == (3.0 * 0.3 + 7, 41.0 / 3 - 1)


def test_one_structure_weighs_one_inside_whatever_its_pieces() -> None:
    pieces = Roi("NT", 2, 2, 6, 9), Roi("NT", 4, 5, 12, 9)
    expected = (pieces[0].mask(20, 20) | pieces[1].mask(20, 20)).astype(np.float32)
    weights = roi_weights(pieces, 20, 20)
    assert weights.dtype == np.float32
    assert np.array_equal(weights, expected)
    assert not roi_weights((), 20, 20).any()


def test_a_weighted_mean_is_the_mean_over_structures_however_large_each_is() -> None:
    large, small = Roi("midbrain", 2, 2, 62, 72), polygon_roi("tip", (((50.0, 60.0), (56.0, 60.0), (50.0, 68.0)),))
    error = np.random.default_rng(1).random((80, 90)).astype(np.float32)
    weights = roi_weights((large, small), 80, 90, 1)
    each = [error[roi.mask(80, 90, 1)].mean() for roi in (large, small)]
    assert (weights * error).sum() / weights.sum() == pytest.approx(np.mean(each), rel=1e-5)
    # The largest keeps 1, so that a sum of weights is never below a count of pixels.
    assert weights[weights > 0].min() == 1
