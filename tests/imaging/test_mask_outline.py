"""Masks to outlines: exactly the pixels come back, in rings that do not cross."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.measure import label

from edge_nt.datasets.ring_faults import ring_fault
from edge_nt.errors import InputError
from edge_nt.imaging.mask_outline import mask_outline
from edge_nt.imaging.polygon import polygon_mask


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans()))
def test_the_outline_encloses_exactly_the_mask(mask: np.ndarray) -> None:
    polygon = mask_outline(mask)
    if not mask.any():
        assert polygon == ()
        return
    assert np.array_equal(polygon_mask(polygon, *mask.shape), mask)
    assert ring_fault(polygon) == ""
    # A ring for each piece, joined by sides of pixels, and for each hole; holes that touch by a corner may share one.
    pieces, background = label(mask, connectivity=1).max(), np.pad(~mask, 1, constant_values=True)
    fewest, most = (pieces + label(background, connectivity=joined).max() - 1 for joined in (2, 1))
    assert fewest <= len(polygon) <= most


def test_a_rectangle_has_four_corners() -> None:
    mask = np.zeros((9, 12), bool)
    mask[2:7, 3:11] = True
    assert mask_outline(mask) == (((2.0, 3.0), (2.0, 11.0), (7.0, 11.0), (7.0, 3.0)),)


def test_noise_is_refused_instead_of_walked_around() -> None:
    with pytest.raises(InputError, match="smooth the mask"):
        mask_outline(np.random.default_rng(0).random((700, 700)) > 0.5)
