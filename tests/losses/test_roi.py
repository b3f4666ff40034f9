"""The torch ROI losses against the numpy metrics, which are proven against scikit-image."""

import numpy as np
import pytest
import torch

from edge_nt.imaging.roi import Roi
from edge_nt.losses.roi import roi_edge_l1, roi_l1, sobel_gradients
from edge_nt.metrics.roi_metrics import roi_metrics
from edge_nt.metrics.sobel import sobel_gradients as numpy_sobel

ROI = Roi("NT", 10.0, 5.0, 18.0, 40.0)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(2, 1, 48, 64, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def mask() -> torch.Tensor:
    mask = torch.zeros(2, 1, 48, 64)
    mask[0, 0, 10:18, 5:40] = 1  # the second image has no box
    return mask


def test_sobel_equals_the_numpy_metric(images: torch.Tensor) -> None:
    expected = numpy_sobel(images[0, 0].numpy())
    np.testing.assert_allclose(sobel_gradients(images)[0].numpy(), expected, atol=2e-6)


def test_roi_terms_equal_the_numpy_metrics_of_the_image_with_a_box(images: torch.Tensor, mask: torch.Tensor) -> None:
    candidate = images.flip(-1)
    expected = roi_metrics(images[0, 0].numpy(), candidate[0, 0].numpy(), ROI)
    assert roi_l1(candidate, images, mask).item() == pytest.approx(expected.mae, abs=1e-6)
    assert roi_edge_l1(candidate, images, mask).item() == pytest.approx(expected.edge_mae, abs=2e-6)


def test_a_batch_without_boxes_gives_zero_loss_and_zero_gradient(images: torch.Tensor) -> None:
    candidate = images.flip(-1).requires_grad_()
    loss = roi_edge_l1(candidate, images, torch.zeros_like(images))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.all(candidate.grad == 0)


def test_gradient_is_finite_on_flat_black() -> None:
    candidate = torch.zeros(1, 1, 48, 64, requires_grad=True)
    roi_edge_l1(candidate, torch.ones(1, 1, 48, 64), torch.ones(1, 1, 48, 64)).backward()
    assert torch.isfinite(candidate.grad).all()


def test_texture_in_the_wrong_place_costs_more_than_none() -> None:
    generator = torch.Generator().manual_seed(0)
    speckle, other = (torch.rand(8, 1, 48, 64, generator=generator) for _ in range(2))
    everywhere = torch.ones_like(speckle)
    flat = torch.full_like(speckle, 0.5)
    assert roi_edge_l1(flat, speckle, everywhere) < roi_edge_l1(other, speckle, everywhere)


def test_a_mask_of_several_channels_is_refused_instead_of_broadcast() -> None:
    images = torch.zeros(2, 1, 8, 8)
    for loss in (roi_l1, roi_edge_l1):
        with pytest.raises(ValueError, match="one term"):
            loss(images, images, torch.ones(2, 2, 8, 8))
