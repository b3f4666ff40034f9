from __future__ import annotations

import numpy as np
import pytest
from skimage.filters import sobel_h, sobel_v

from edge_nt.errors import InputError
from edge_nt.metrics.sobel import DIFFERENCE, SMOOTHING, sobel_gradients


@pytest.mark.parametrize("shape", [(192, 256), (7, 5), (2, 2)])
def test_is_half_of_scikit_image_borders_included(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).random(shape, dtype=np.float32)
    # scikit-image blanks the border of its signed filters when given a mask only; without one it mirrors like ours.
    expected = np.stack([sobel_h(image.astype(np.float64)), sobel_v(image.astype(np.float64))]) / 2
    np.testing.assert_allclose(sobel_gradients(image), expected, rtol=0, atol=1e-14)


def test_weights_are_normalised_and_a_ramp_gives_its_slope() -> None:
    assert np.abs(np.outer(SMOOTHING, DIFFERENCE)).sum() == 1.0
    ramp = np.tile(np.arange(8) / 16, (6, 1))
    vertical, horizontal = sobel_gradients(ramp)
    np.testing.assert_allclose(vertical, 0.0, atol=1e-15)
    # The repeated border halves the slope at the sides.
    np.testing.assert_allclose(horizontal[:, 1:-1], 1 / 16, rtol=1e-12)


def test_stays_within_half_gray_per_pixel() -> None:
    black_or_white = np.random.default_rng(3).integers(0, 2, (64, 64)).astype(np.float32)
    assert 3 / 8 < np.abs(sobel_gradients(black_or_white)).max() <= 0.5


def test_refuses_a_frame_that_was_not_scaled() -> None:
    with pytest.raises(InputError, match="255"):
        sobel_gradients(np.full((4, 4), 200.0, np.float32))
