from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from edge_nt.evaluation.ood_corruptions import (
    CORRUPTIONS,
    Corruption,
    black,
    blur,
    depth,
    gain,
    inverted,
    noise,
    off_skin,
    scrambled,
    shadow,
    turned,
)
from edge_nt.imaging.letterbox import Preprocess, letterbox
from edge_nt.phantom.generate import render_phantom


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    return letterbox(render_phantom(0, 0, 0).frame.pixels, Preprocess())


def _generator() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda each: each.name)
def test_every_level_is_a_seeded_pure_function(frame: np.ndarray, corruption: Corruption) -> None:
    before = frame.copy()
    for level in corruption.levels:
        first, second = (corruption.apply(frame, level, _generator()) for _ in range(2))
        assert first.dtype == np.uint8
        assert first.shape == frame.shape
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, frame)
    np.testing.assert_array_equal(frame, before)


# Levels of the others move the picture, which a mean difference does not measure.
_AMOUNTS = ("gain down", "gain up", "blur", "shadow", "noise", "inverted")


@pytest.mark.parametrize("name", _AMOUNTS)
def test_levels_are_ordered_from_slight_to_gross(frame: np.ndarray, name: str) -> None:
    corruption = next(each for each in CORRUPTIONS if each.name == name)
    wide = frame.astype(float)
    changes = [np.abs(corruption.apply(frame, level, _generator()) - wide).mean() for level in corruption.levels]
    assert changes == sorted(changes)


def test_gain_is_in_decibel_of_amplitude() -> None:
    levels = np.full((192, 256), 100, np.uint8)
    assert (gain(levels, -20, _generator()) == 10).all()
    assert (gain(levels, 6.0206, _generator()) == 200).all()
    assert (gain(levels, 12, _generator()) == 255).all()


def test_blur_is_scipys(frame: np.ndarray) -> None:
    inner = slice(20, -20), slice(20, -20)
    expected = gaussian_filter(frame.astype(float), 2.0)
    assert np.abs(blur(frame, 2.0, _generator())[inner] - expected[inner]).max() < 1.5


def test_noise_has_the_deviation_that_it_says() -> None:
    spoiled = noise(np.full((192, 256), 120, np.uint8), 8.0, _generator())
    assert spoiled.std() == pytest.approx(8.0, rel=0.05)
    assert spoiled.mean() == pytest.approx(120, abs=0.2)


def test_a_shadow_darkens_its_share_below_a_depth() -> None:
    cast = shadow(np.full((192, 256), 200, np.uint8), 0.4, _generator())
    assert np.mean(cast[-1] < 100) == pytest.approx(0.4, abs=0.02)
    assert (cast[0] == 200).all()


def test_off_skin_is_bands_at_the_probe_over_black(frame: np.ndarray) -> None:
    off = off_skin(frame, 120.0, _generator())
    assert off[:4].mean() > 30
    assert off[len(off) // 2 :].max() == 0


def test_black_inverted_and_turned_are_exact(frame: np.ndarray) -> None:
    assert not black(frame, 1.0, _generator()).any()
    np.testing.assert_array_equal(inverted(frame, 1.0, _generator()), 255 - frame)
    np.testing.assert_array_equal(turned(frame, 180.0, _generator()), frame[::-1, ::-1])


def test_depth_enlarges_about_the_middle_and_shrinks_into_black(frame: np.ndarray) -> None:
    edges = np.zeros((192, 256), np.uint8)
    edges[72:120, 96:160] = 200
    assert np.sum(depth(edges, 2.0, _generator()) > 100) == pytest.approx(4 * np.sum(edges > 100), rel=0.05)
    small = depth(np.full((192, 256), 90, np.uint8), 0.5, _generator())
    assert np.sum(small == 90) == 96 * 128
    assert (small[48:144, 64:192] == 90).all()


def test_scrambling_keeps_every_gray_level(frame: np.ndarray) -> None:
    for parts in (2.0, 3.0, 4.0):
        mixed = scrambled(frame, parts, _generator())
        np.testing.assert_array_equal(
            np.bincount(mixed.ravel(), minlength=256), np.bincount(frame.ravel(), minlength=256)
        )
