from __future__ import annotations

import numpy as np
import pytest
from skimage.filters import sobel

from edge_nt.errors import InputError
from edge_nt.metrics.sobel import DIFFERENCE, SMOOTHING, sobel_magnitude


@pytest.mark.parametrize("shape", [(192, 256), (7, 5), (2, 2)])
def test_is_half_of_scikit_image_borders_included(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).random(shape, dtype=np.float32)
    np.testing.assert_allclose(sobel_magnitude(image), sobel(image.astype(np.float64)) / 2, rtol=0, atol=1e-14)


def test_weights_are_normalised_and_a_ramp_gives_its_slope() -> None:
    assert np.abs(np.outer(SMOOTHING, DIFFERENCE)).sum() == 1.0
    ramp = np.tile(np.arange(8) / 16, (6, 1))
    # A slope of 1/16 a pixel in one of two directions; the repeated border halves it at the sides.
    inner = sobel_magnitude(ramp)[:, 1:-1]
    np.testing.assert_allclose(inner, 1 / 16 / np.sqrt(2), rtol=1e-12)


def test_stays_within_half_gray_per_pixel() -> None:
    corner = np.array([[1, 1, 1], [0, 0, 1], [0, 0, 1]], np.float32)
    assert sobel_magnitude(corner)[1, 1] == pytest.approx(3 / 8)
    black_or_white = np.random.default_rng(3).integers(0, 2, (64, 64)).astype(np.float32)
    assert 3 / 8 < sobel_magnitude(black_or_white).max() <= 0.5


def test_refuses_a_frame_that_was_not_scaled() -> None:
    with pytest.raises(InputError, match="255"):
        sobel_magnitude(np.full((4, 4), 200.0, np.float32))
