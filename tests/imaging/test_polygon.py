"""Polygons to pixels, against areas of clipped polygons and scikit-image's point test."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import polygon as skimage_polygon
from skimage.measure import points_in_poly

from edge_nt.errors import InputError
from edge_nt.imaging.polygon import Polygon, Ring, polygon_bounds, polygon_mask

HEIGHT, WIDTH = 14, 17
# Quarters of a pixel meet borders and corners of pixels often, which is where a rasteriser errs.
QUARTER = st.integers(-12, 80).map(lambda quarters: quarters / 4)


@st.composite
def stars(draw: st.DrawFn) -> Ring:
    """A ring around a centre, seldom convex, that never crosses itself; partly outside the image at times."""
    centre = draw(st.floats(-2, HEIGHT + 2)), draw(st.floats(-2, WIDTH + 2))
    count = draw(st.integers(3, 9))
    radii = draw(st.lists(st.floats(0.3, 9), min_size=count, max_size=count))
    turn = draw(st.floats(0, 1))
    angles = [2 * math.pi * (step + turn) / count for step in range(count)]
    # On a fine grid: a point 2e-16 px inside a pixel reaches it, and the reference's area is lost in its rounding.
    return tuple(
        (round(1024 * (centre[0] + r * math.sin(angle))) / 1024, round(1024 * (centre[1] + r * math.cos(angle))) / 1024)
        for r, angle in zip(radii, angles, strict=True)
    )


def _clipped(ring: Ring, axis: int, side: float, keep_above: bool) -> Ring:
    kept: list[tuple[float, float]] = []
    for one, other in zip(ring, ring[1:] + ring[:1], strict=True):
        in_one, in_other = ((point[axis] >= side) == keep_above or point[axis] == side for point in (one, other))
        if in_one:
            kept.append(one)
        if in_one != in_other:
            share = (side - one[axis]) / (other[axis] - one[axis])
            kept.append((one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])))
    return tuple(kept)


def _area_in_pixel(ring: Ring, row: int, column: int) -> float:
    """Sutherland and Hodgman's clipping, then the shoelace formula."""
    for axis, low in ((0, row), (1, column)):
        ring = _clipped(_clipped(ring, axis, low, keep_above=True), axis, low + 1, keep_above=False)
    pairs = zip(ring, ring[1:] + ring[:1], strict=True)
    return abs(sum(one[0] * other[1] - one[1] * other[0] for one, other in pairs)) / 2


@settings(max_examples=40)
@given(stars())
def test_a_pixel_counts_when_any_of_its_area_is_inside(ring: Ring) -> None:
    mask = polygon_mask((ring,), HEIGHT, WIDTH)
    areas = np.array([[_area_in_pixel(ring, row, column) for column in range(WIDTH)] for row in range(HEIGHT)])
    clear = (areas > 1e-6) | (areas == 0)
    assert np.array_equal(mask[clear], areas[clear] > 1e-6)


@given(st.lists(st.tuples(QUARTER, QUARTER), min_size=3, max_size=8).map(tuple))
def test_every_point_inside_by_scikit_image_is_covered_also_of_rings_that_cross_themselves(ring: Ring) -> None:
    mask = polygon_mask((ring,), HEIGHT, WIDTH)
    # Points off every quarter, so that none lies on a border.
    fine = np.arange(0.0625, max(HEIGHT, WIDTH), 0.125)
    points = np.array([(h, w) for h in fine[fine < HEIGHT] for w in fine[fine < WIDTH]])
    inside = points[points_in_poly(points, np.array(ring))].astype(int)
    assert mask[inside[:, 0], inside[:, 1]].all()


@settings(max_examples=40)
@given(stars())
def test_pixels_whose_middle_is_inside_are_those_that_scikit_image_draws(ring: Ring) -> None:
    drawn = np.zeros((HEIGHT, WIDTH), bool)
    h, w = np.array(ring).T - 0.5
    drawn[skimage_polygon(h, w, drawn.shape)] = True
    mask = polygon_mask((ring,), HEIGHT, WIDTH)
    assert not (drawn & ~mask).any()


def test_pieces_and_holes() -> None:
    def square(low: float, high: float) -> Ring:
        return (low, low), (low, high), (high, high), (high, low)

    piece: Ring = (12.5, 1.0), (13.0, 1.0), (13.0, 3.0), (12.5, 3.0)
    mask = polygon_mask((square(1, 11), square(3, 9), square(5, 7), piece), HEIGHT, WIDTH)
    expected = np.zeros_like(mask)
    expected[1:11, 1:11] = True
    expected[3:9, 3:9] = False
    expected[5:7, 5:7] = True
    expected[12, 1:3] = True
    assert np.array_equal(mask, expected)


def test_a_line_far_thinner_than_a_pixel_keeps_an_unbroken_chain_of_pixels() -> None:
    thin: Polygon = (((2.3, 1.2), (2.31, 1.2), (11.71, 15.4), (11.7, 15.4)),)
    mask = polygon_mask(thin, HEIGHT, WIDTH)
    assert mask[2:12].any(1).all()
    assert mask[:, 1:16].any(0).all()
    assert mask.sum() < 30


def test_nothing_is_drawn_beside_the_image() -> None:
    corner: Polygon = (((-5.0, 10.0), (-5.0, 25.0), (10.0, 25.0)),)
    assert not polygon_mask(corner, 4, 4).any()


@pytest.mark.parametrize(
    ("polygon", "reason"),
    [
        ((), "none"),
        (((),), "one with 0"),
        ((((1.0, 2.0), (3.0, 4.0)),), "one with 2"),
        ((((1.0, 2.0), (3.0, 4.0), (math.nan, 1.0)),), "nan"),
        ((((1.0, 2.0), (3.0, 4.0), (1.0, math.inf)),), "inf"),
        ((((1.0, 2.0), (3.0, 4.0), (-1e7, 1.0)),), "-10000000"),
    ],
)
def test_what_is_no_polygon_is_refused(polygon: Polygon, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        polygon_bounds(polygon)
