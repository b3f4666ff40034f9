from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.ood.calibration import Calibration, calibrate

_BOTH = np.array([False, False])


def test_deviations_of_normal_figures_are_standard_scores() -> None:
    figures = np.random.default_rng(0).normal([3.0, -40.0], [0.2, 9.0], (20000, 2))
    expected = (figures - [3.0, -40.0]) / [0.2, 9.0]
    np.testing.assert_allclose(calibrate(figures, _BOTH).deviations(figures), expected, atol=0.1)


@given(scale=st.floats(0.01, 100), offset=st.floats(-100, 100))
def test_units_do_not_matter(scale: float, offset: float) -> None:
    figures = np.random.default_rng(1).gamma(2.0, size=(50, 2))
    plain, other = calibrate(figures, _BOTH), calibrate(figures * scale + offset, _BOTH)
    np.testing.assert_allclose(
        other.deviations(figures * scale + offset), plain.deviations(figures), rtol=1e-6, atol=1e-6
    )


def test_a_long_tail_on_one_side_does_not_widen_the_other() -> None:
    calibration = calibrate(np.random.default_rng(2).exponential(size=(5000, 1)), np.array([False]))
    assert calibration.above[0] > 2 * calibration.below[0]


def test_a_one_sided_figure_is_never_too_small() -> None:
    calibration = calibrate(np.random.default_rng(3).normal(size=(50, 2)), np.array([True, False]))
    low, high = calibration.deviations(np.array([[-1e6, -3.0], [3.0, 3.0]]))
    assert low[0] == 0
    assert low[1] < -2
    assert (high > 2).all()


@pytest.mark.parametrize(
    "arrays",
    [
        (np.zeros(2), np.ones(2), np.ones(3)),
        (np.zeros(2), np.ones(2), np.zeros(2)),
        (np.zeros(2), np.array([1, np.nan]), np.ones(2)),
        (np.array([0, np.nan]), np.ones(2), np.ones(2)),
        (np.zeros(2), np.ones(2), np.array([1, np.inf])),
        (np.zeros((1, 2)), np.ones((1, 2)), np.ones((1, 2))),
        (np.zeros(2, np.float32), np.ones(2), np.ones(2)),
    ],
)
def test_refuses_what_no_fit_gives(arrays: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(InputError, match="OOD calibration"):
        Calibration(*arrays)


@pytest.mark.parametrize("figures", [np.zeros((0, 2)), np.ones((9, 2)), np.full((9, 2), np.nan)])
def test_refuses_frames_that_cannot_calibrate(figures: np.ndarray) -> None:
    with pytest.raises(InputError, match="differ"):
        calibrate(figures, _BOTH)
