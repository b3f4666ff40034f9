from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from edge_nt.errors import InputError
from edge_nt.metrics.bootstrap import (
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_median,
    bootstrap_median_change,
    bootstrap_relative_change,
)


def test_agrees_with_scipy_and_with_the_normal_interval() -> None:
    values = np.random.default_rng(0).gamma(2.0, 1.0, 400)
    ours = bootstrap_interval(values, seed=1, resamples=4000)
    theirs = bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(9)
    ).confidence_interval
    spread = values.std() / np.sqrt(values.size)
    assert ours.estimate == values.mean()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.12 * spread)
    assert ours.high - ours.low == pytest.approx(2 * norm.ppf(0.975) * spread, rel=0.06)


def test_a_wider_level_holds_the_narrower_and_a_seed_repeats() -> None:
    values = np.random.default_rng(0).random(50)
    narrow, wide = (bootstrap_interval(values, level=level, seed=3) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)


def test_pairing_removes_what_both_stages_share() -> None:
    generator = np.random.default_rng(0)
    before = generator.random(60) + 0.5
    difference = bootstrap_difference(before, before - 0.1, seed=0)
    assert (difference.low, difference.high) == pytest.approx((-0.1, -0.1), abs=1e-12)
    change = bootstrap_relative_change(before, 0.75 * before, seed=0)
    assert change is not None
    assert (change.estimate, change.low, change.high) == pytest.approx((-0.25, -0.25, -0.25), abs=1e-12)


def test_relative_change_is_a_ratio_of_means() -> None:
    change = bootstrap_relative_change(np.array([1.0, 3.0]), np.array([2.0, 4.0]), seed=0)
    assert change is not None
    assert change.estimate == pytest.approx(0.5)


def test_no_ratio_to_a_mean_that_may_be_zero() -> None:
    assert bootstrap_relative_change(np.array([0.0, 0.0]), np.array([1.0, 1.0]), seed=0) is None
    assert bootstrap_relative_change(np.array([0.0, 1.0]), np.array([1.0, 1.0]), seed=0) is None


def test_refuses_unusable_values() -> None:
    with pytest.raises(InputError, match="value"):
        bootstrap_interval(np.zeros(0), seed=0)
    with pytest.raises(InputError, match="value"):
        bootstrap_interval(np.array([1.0, np.nan]), seed=0)
    with pytest.raises(InputError, match="same images"):
        bootstrap_difference(np.zeros(2), np.zeros(3), seed=0)
    with pytest.raises(InputError, match="level"):
        bootstrap_interval(np.ones(2), level=95.0, seed=0)


def test_the_interval_of_a_median_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).gamma(2.0, 1.0, 300)
    ours = bootstrap_median(values, seed=1, resamples=4000)
    theirs = bootstrap(
        (values,), np.median, n_resamples=4000, method="percentile", rng=np.random.default_rng(9)
    ).confidence_interval
    assert ours.estimate == np.median(values)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.15 * (theirs.high - theirs.low))


def test_the_change_of_medians_agrees_with_scipy_for_unpaired_samples_of_two_sizes() -> None:
    generator = np.random.default_rng(0)
    before, after = 10 + generator.random(120), 12 + generator.random(80)

    def change(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.median(second, axis=axis) / np.median(first, axis=axis) - 1

    ours = bootstrap_median_change(before, after, seed=1, resamples=4000)
    theirs = bootstrap(
        (before, after), change, n_resamples=4000, method="percentile", rng=np.random.default_rng(9), vectorized=True
    ).confidence_interval
    assert ours.estimate == pytest.approx(change(before, after))
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.15 * (theirs.high - theirs.low))
    assert ours.n == 80


@pytest.mark.parametrize("bad", [[], [0.0, 1.0], [-1.0, 1.0], [np.nan, 1.0], [[1.0], [2.0]]])
def test_a_change_of_medians_needs_times_above_zero(bad: list) -> None:
    with pytest.raises(InputError):
        bootstrap_median_change(np.array(bad, np.float64), np.ones(3), seed=0)
    with pytest.raises(InputError):
        bootstrap_median_change(np.ones(3), np.array(bad, np.float64), seed=0)
