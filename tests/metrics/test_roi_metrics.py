from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.filters import sobel_h, sobel_v
from skimage.metrics import peak_signal_noise_ratio

from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi
from edge_nt.metrics.psnr import psnr
from edge_nt.metrics.roi_metrics import ImageMetrics, RoiMetrics, image_metrics, roi_metrics
from edge_nt.metrics.ssim import ms_ssim, ssim


def _pair() -> tuple[np.ndarray, np.ndarray]:
    first, second = np.random.default_rng(2).random((2, 192, 192), dtype=np.float32)
    return first, second


def test_each_metric_is_taken_over_the_touched_pixels() -> None:
    first, second = _pair()
    metrics = roi_metrics(first, second, Roi("NT", 10.4, 20.0, 30.0, 50.2))
    a, b = first.astype(np.float64), second.astype(np.float64)
    region = (slice(10, 30), slice(20, 51))
    assert metrics.mae == pytest.approx(np.abs(b[region] - a[region]).mean(), abs=1e-12)
    assert metrics.psnr == pytest.approx(peak_signal_noise_ratio(a[region], b[region], data_range=1.0), abs=1e-9)
    # Edges come from the whole images: gradients of the crops alone would differ along the border.
    edge_error = np.mean([np.abs(edges(b) - edges(a))[region].mean() / 2 for edges in (sobel_h, sobel_v)])
    assert metrics.edge_mae == pytest.approx(edge_error, abs=1e-12)
    cropped = np.mean([np.abs(edges(b[region]) - edges(a[region])).mean() / 2 for edges in (sobel_h, sobel_v)])
    assert metrics.edge_mae != pytest.approx(cropped, abs=1e-6)


def test_nothing_outside_the_box_counts() -> None:
    first, _ = _pair()
    second = first.copy()
    second[:8] = 0.0
    assert roi_metrics(first, second, Roi("NT", 9, 0, 20, 192)) == RoiMetrics(0.0, 0.0, 100.0)
    # One pixel further up, the gradient reaches into the changed rows: the edge term sees it, the others do not.
    touching = roi_metrics(first, second, Roi("NT", 8, 0, 20, 192))
    assert touching.mae == 0.0
    assert touching.edge_mae > 0.0


def test_image_metrics_gather_the_single_ones() -> None:
    first, second = _pair()
    roi = Roi("NT", 10, 20, 30, 50)
    expected = ImageMetrics(psnr(first, second), ssim(first, second), ms_ssim(first, second), {})
    assert image_metrics(first, second, ()) == expected
    assert image_metrics(first, second, (roi,)).regions == {"NT": roi_metrics(first, second, roi)}


def test_refuses_a_box_outside_the_image() -> None:
    first, second = _pair()
    with pytest.raises(InputError, match="overlaps"):
        roi_metrics(first, second, Roi("NT", 300, 0, 320, 20))


def test_metrics_refuse_what_json_cannot_hold() -> None:
    with pytest.raises(InputError, match="finite"):
        RoiMetrics(0.0, 0.0, math.inf)
