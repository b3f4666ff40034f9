"""The autoencoder's shapes, range and layers."""

import pytest
import torch

from edge_nt.errors import InputError
from edge_nt.model.autoencoder import AutoEncoder, multiply_adds


@pytest.mark.parametrize(("height", "width"), [(192, 256), (256, 320)])
def test_shapes_and_range(height: int, width: int) -> None:
    model = AutoEncoder(height, width).eval()
    frames = torch.rand(2, 1, height, width)
    latents = model.encode(frames)
    assert latents.shape == (2, 128)
    reconstructions = model.decode(latents)
    assert reconstructions.shape == frames.shape
    assert 0 <= reconstructions.min() <= reconstructions.max() <= 1


def test_has_no_transposed_convolution() -> None:
    assert not any(isinstance(module, torch.nn.ConvTranspose2d) for module in AutoEncoder().modules())


def test_multiply_adds_scale_with_the_area() -> None:
    small = multiply_adds(AutoEncoder(192, 256), 192, 256)
    large = multiply_adds(AutoEncoder(384, 512), 384, 512)
    assert 3.9 < large / small < 4.01


def test_odd_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="multiples of 32"):
        AutoEncoder(200, 256)
