"""Boxes: what they refuse, and which pixels they touch."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi

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
