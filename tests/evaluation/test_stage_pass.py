from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.filters import sobel_h, sobel_v
from skimage.metrics import peak_signal_noise_ratio

from edge_nt.errors import InputError
from edge_nt.evaluation.stage_pass import encode_frames, reconstruct, score_frames
from edge_nt.imaging.roi import Roi
from edge_nt.training.checkpoint import load_model


def _frames(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 192, 256), dtype=np.uint8)


def test_metrics_are_those_of_the_models_own_output(untrained_run: Path) -> None:
    model, frames, roi = load_model(untrained_run, "stage1"), _frames(5), Roi("NT", 30, 40, 60, 90)
    seen: list[None] = []
    scored = score_frames(model, frames, ((), (), (), (roi,), ()), batch_size=2, on_frame=lambda: seen.append(None))
    with torch.no_grad():
        latents = model.encode(torch.from_numpy(frames[:, None] / np.float32(255)))
        output = model.decode(latents)[:, 0].double().numpy()
    assert len(seen) == 5
    np.testing.assert_allclose(scored.latents, latents.numpy(), atol=1e-5)
    scans = frames / 255.0
    for index in range(5):
        expected = peak_signal_noise_ratio(scans[index], output[index], data_range=1.0)
        assert scored.metrics[index].psnr_db == pytest.approx(expected, abs=1e-4)
        assert list(scored.metrics[index].regions) == (["NT"] if index == 3 else [])
    region = roi.slices(192, 256)
    measured = scored.metrics[3].regions["NT"]
    assert measured.mae == pytest.approx(np.abs(output[3] - scans[3])[region].mean(), abs=1e-6)
    edges = [np.abs(edge(output[3]) - edge(scans[3]))[region].mean() / 2 for edge in (sobel_h, sobel_v)]
    assert measured.edge_mae == pytest.approx(np.mean(edges), abs=1e-6)


def test_batches_change_nothing(untrained_run: Path) -> None:
    model, frames = load_model(untrained_run, "stage2"), _frames(5)
    whole, _ = reconstruct(model, frames)
    split = encode_frames(model, frames, batch_size=2, on_frame=lambda: None)
    np.testing.assert_allclose(split, whole, atol=1e-5)


def test_refuses_nothing_to_score(untrained_run: Path) -> None:
    with pytest.raises(InputError, match="0 frames"):
        encode_frames(load_model(untrained_run, "stage1"), _frames(0), batch_size=4, on_frame=lambda: None)
