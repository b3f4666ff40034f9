from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from edge_nt.errors import InputError
from edge_nt.metrics.binomial import binomial_cdf, exact_share, quantile_bounds


@settings(max_examples=150)
@given(st.integers(1, 2000), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_a_share_s_interval_is_scipy_s_exact_one(n: int, data: st.DataObject, level: float) -> None:
    events = data.draw(st.integers(0, n))
    ours = exact_share(events, n, level)
    theirs = stats.binomtest(events, n).proportion_ci(level, method="exact")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-8, abs=1e-11)


@settings(max_examples=100)
@given(st.integers(1, 300), st.floats(0, 1))
def test_the_tail_is_scipy_s(n: int, share: float) -> None:
    np.testing.assert_allclose(
        binomial_cdf(n, share), stats.binom.cdf(np.arange(n + 1), n, share), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("count", [5, 32, 72, 100, 400])
@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_a_quantile_s_bounds_are_scipy_s_order_statistics(count: int, quantile: float) -> None:
    values = np.random.default_rng(count).normal(size=count)
    ours = quantile_bounds(values, quantile)
    theirs = stats.quantile_test(values, p=quantile).confidence_interval(0.95)
    assert ours.estimate == np.quantile(values, quantile)
    assert ours.high == (values.max() if np.isnan(theirs.high) else theirs.high)
    assert ours.low == (min(values.min(), ours.estimate) if np.isnan(theirs.low) else theirs.low)


def test_the_95th_percentile_takes_72_values_to_be_bounded_as_sure_as_asked() -> None:
    values = np.arange(100.0)
    sure = {count: quantile_bounds(values[:count], 0.95).high_confidence for count in (23, 71, 72, 73)}
    assert sure[71] < 0.975 <= sure[72]
    assert sure[23] == pytest.approx(1 - 0.95**23)
    assert quantile_bounds(values[:23], 0.95).high == 22


def test_the_upper_bound_holds_as_often_as_it_says() -> None:
    generator, truth = np.random.default_rng(0), stats.norm.ppf(0.95)
    held = [quantile_bounds(generator.normal(size=90), 0.95).high >= truth for _ in range(2000)]
    assert np.mean(held) > 0.97


@pytest.mark.parametrize(("events", "n", "level"), [(-1, 5, 0.95), (6, 5, 0.95), (0, 0, 0.95), (1, 5, 1.0)])
def test_impossible_counts_are_refused(events: int, n: int, level: float) -> None:
    with pytest.raises(InputError, match="events"):
        exact_share(events, n, level)


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, 1.0]])
def test_values_that_are_none_are_refused(values: list[float]) -> None:
    with pytest.raises(InputError, match="finite value"):
        quantile_bounds(np.array(values, np.float64), 0.95)
