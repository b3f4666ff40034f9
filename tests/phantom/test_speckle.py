from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_nt.phantom.sector import Sector, draw_sector
from edge_nt.phantom.speckle import EchoMaps, render_scan
from edge_nt.phantom.style import Style, hospital_style

HEIGHT, WIDTH = 480, 700


def _style(**change: float) -> Style:
    plain = replace(
        hospital_style(1), speckle=1.0, gain_db=0.0, dynamic_range_db=100.0, gray_gamma=1.0, noise_floor_db=-120.0,
        attenuation_db_per_mm=0.0, near_field=0.0,
    )  # fmt: skip
    return replace(plain, **change)  # type: ignore[arg-type]


def _uniform(level: float, bone: np.ndarray | None = None) -> EchoMaps:
    scatter = np.full((HEIGHT, WIDTH), level, np.float32)
    blank = np.zeros((HEIGHT, WIDTH), np.float32)
    return EchoMaps(scatter, blank, blank if bone is None else bone.astype(np.float32))


def _levels_db(echoes: EchoMaps, style: Style, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pixels = render_scan(echoes, _sector(style), style, rng)
    return (pixels.astype(np.float64) / 255.0 - 1.0) * style.dynamic_range_db


def _sector(style: Style) -> Sector:
    return draw_sector(np.random.default_rng(1), style)


def _inside(levels_db: np.ndarray) -> np.ndarray:
    return levels_db[20:460, 300:400]


@pytest.fixture
def even_tissue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tissue without its slow variation of brightness: the statistics of speckle alone."""
    monkeypatch.setattr("edge_nt.phantom.speckle._texture_db", lambda rng, shape: np.zeros(shape, np.float32))


@pytest.mark.usefixtures("even_tissue")
def test_full_speckle_is_rayleigh_with_the_power_of_its_map() -> None:
    powers, contrasts = [], []
    for seed in range(4):
        envelope = 10.0 ** (_inside(_levels_db(_uniform(0.1), _style(), seed)) / 20.0)
        powers.append(np.mean(envelope**2))
        contrasts.append(envelope.mean() / envelope.std())
    # A Rayleigh envelope has mean / deviation = 1.91; interpolation between beams smooths a little off its tail.
    assert np.mean(contrasts) == pytest.approx(1.913, rel=0.06)
    assert 10 * np.log10(np.mean(powers)) == pytest.approx(-20.0, abs=0.6)


@pytest.mark.usefixtures("even_tissue")
def test_reduced_speckle_varies_less() -> None:
    deviations = [_inside(_levels_db(_uniform(0.1), _style(speckle=s))).std() for s in (0.05, 0.6, 1.0)]
    assert deviations[0] < 0.2 * deviations[1] < 0.2 * deviations[2]


@pytest.mark.usefixtures("even_tissue")
def test_attenuation_takes_its_decibels_per_millimetre() -> None:
    levels = _levels_db(_uniform(0.5), _style(attenuation_db_per_mm=0.5, speckle=0.02))
    fall_db = levels[50, 350] - levels[450, 350]
    assert fall_db == pytest.approx(0.5 * 400 * hospital_style(1).mm_per_px, rel=0.05)


@pytest.mark.usefixtures("even_tissue")
def test_bone_casts_a_shadow_behind_it_alone() -> None:
    bone = np.zeros((HEIGHT, WIDTH))
    bone[200:220, 340:360] = 0.4
    levels = _levels_db(_uniform(0.5, bone), _style(speckle=0.02))
    assert levels[300, 350] == pytest.approx(levels[150, 350] - 8.0, abs=1.0)
    assert levels[300, 250] == pytest.approx(levels[150, 350], abs=0.7)


@pytest.mark.usefixtures("even_tissue")
def test_speckle_widens_away_from_the_focus() -> None:
    style = _style(focus=0.2, lateral_psf_mm=0.25)
    levels = np.concatenate([_levels_db(_uniform(0.1), style, seed) for seed in range(2)], axis=1)
    assert _grain_px(levels[420:470]) > 1.5 * _grain_px(levels[90:140])


def _grain_px(levels_db: np.ndarray) -> float:
    """Columns until the autocorrelation along rows has fallen to one half."""
    rows = levels_db[:, 250:450] - levels_db[:, 250:450].mean()
    correlation = [np.mean(rows[:, : 200 - lag] * rows[:, lag:]) for lag in range(40)]
    return float(np.interp(-0.5, -np.array(correlation) / correlation[0], np.arange(40)))


def test_outside_of_the_sector_is_black() -> None:
    style = _style(sector_half_width=0.45, apex_height=0.5)
    pixels = render_scan(_uniform(0.5), _sector(style), style, np.random.default_rng(0))
    assert pixels[5, 5] == pixels[5, -5] == 0
    assert pixels[300, 350] > 0
