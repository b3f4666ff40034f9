from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from edge_nt.errors import InputError
from edge_nt.metrics.psnr import psnr


def test_equals_scikit_image() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.random((2, 40, 56), dtype=np.float32)
    reference = peak_signal_noise_ratio(first.astype(np.float64), second.astype(np.float64), data_range=1.0)
    assert psnr(first, second) == pytest.approx(reference, abs=1e-12)


def test_equal_images_get_the_cap_and_the_smallest_8_bit_difference_stays_below_it() -> None:
    image = np.full((192, 256), 0.2, np.float32)
    assert psnr(image, image) == pytest.approx(100.0)
    other = image.copy()
    other[3, 4] += np.float32(1 / 255)
    assert psnr(image, other) < 96.0


@pytest.mark.parametrize(
    ("candidate", "named"),
    [
        (np.zeros((8, 9), np.float32), "shape"),
        (np.full((8, 8), 1.5, np.float32), "1.5"),
        (np.full((8, 8), np.nan, np.float32), "nan"),
        (np.zeros((8, 8), np.uint8), "uint8"),
    ],
)
def test_refuses_what_cannot_be_compared(candidate: np.ndarray, named: str) -> None:
    with pytest.raises(InputError, match=named):
        psnr(np.zeros((8, 8), np.float32), candidate)
