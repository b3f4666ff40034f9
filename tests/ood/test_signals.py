from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from edge_nt.ood.signals import SIGNAL_NAMES, signal_statistics


def _named(frame: np.ndarray) -> dict[str, float]:
    return dict(zip(SIGNAL_NAMES, signal_statistics(frame).tolist(), strict=True))


def _speckle(seed: int = 0, mean: float = 60.0) -> np.ndarray:
    field = np.random.default_rng(seed).rayleigh(mean / np.sqrt(np.pi / 2), (192, 256))
    return np.clip(np.rint(field), 0, 255).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), low=st.integers(0, 255), span=st.integers(0, 255))
def test_every_frame_has_finite_statistics(seed: int, low: int, span: int) -> None:
    frame = np.random.default_rng(seed).integers(low, min(low + span, 255) + 1, (192, 256)).astype(np.uint8)
    statistics = signal_statistics(frame)
    assert statistics.shape == (len(SIGNAL_NAMES),)
    assert statistics.dtype == np.float64
    assert np.isfinite(statistics).all()


def test_level_and_shares_are_those_of_numpy() -> None:
    frame = _speckle()
    found = _named(frame)
    assert found["brightness"] == pytest.approx(np.log(frame.mean() + 0.5), rel=1e-5)
    assert found["black share"] == pytest.approx(np.mean(frame < 8), rel=1e-5)
    assert found["bright share"] == pytest.approx(np.mean(frame >= 200), rel=1e-5)


def test_speckle_contrast_is_that_of_rayleigh_noise_whatever_its_gain() -> None:
    # Standard deviation over mean of a Rayleigh variable: sqrt(4 / pi - 1); 16 px a block lose a little of it.
    for mean in (30.0, 60.0):
        assert _named(_speckle(mean=mean))["speckle contrast"] == pytest.approx(np.sqrt(4 / np.pi - 1), rel=0.06)


def test_a_band_of_waves_is_loudest_in_its_octave() -> None:
    names = ("texture 1 px", "texture 2 px", "texture 4 px", "texture 8 px")
    columns = np.arange(256)
    for octave, period in enumerate((4, 12, 24, 48)):
        wave = np.broadcast_to(100 + 50 * np.sin(2 * np.pi * columns / period), (192, 256))
        found = _named(np.rint(wave).astype(np.uint8))
        assert max(names, key=found.__getitem__) == names[octave]


def test_blur_lowers_the_finest_texture_first() -> None:
    frame = _speckle()
    blurred = np.rint(gaussian_filter(frame.astype(float), 1.0)).astype(np.uint8)
    before, after = _named(frame), _named(blurred)
    falls = [before[f"texture {px} px"] - after[f"texture {px} px"] for px in (1, 2, 4, 8)]
    assert falls == sorted(falls, reverse=True)
    assert falls[0] > 1
    assert after["brightness"] == pytest.approx(before["brightness"], abs=0.01)


def test_layout_says_where_the_light_is() -> None:
    near = np.zeros((192, 256), np.uint8)
    near[:40] = 120
    assert _named(near)["depth of brightness"] < -0.7
    assert _named(near[::-1].copy())["depth of brightness"] > 0.7
    shaded = np.full((192, 256), 100, np.uint8)
    shaded[:, :64] = 5
    assert _named(shaded)["columns in shadow"] == pytest.approx(0.25)
    bands = np.tile(np.repeat(np.array([0, 200], np.uint8), 4), 24)[:, None].repeat(256, axis=1)
    assert _named(bands)["texture direction"] > 2
    assert _named(np.ascontiguousarray(np.tile(bands[:, :1].T, (192, 2))[:, :256]))["texture direction"] < -2
