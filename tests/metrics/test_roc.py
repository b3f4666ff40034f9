from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from edge_nt.errors import InputError
from edge_nt.metrics.roc import (
    auroc,
    bootstrap_auroc,
    bootstrap_auroc_change,
    bootstrap_fpr_at_tpr,
    fpr_at_tpr,
    keep_threshold,
)

# Few distinct values, so that ties are the rule.
_SCORES = st.lists(st.integers(0, 6), min_size=1, max_size=40)


@settings(max_examples=60)
@given(_SCORES, _SCORES)
def test_auroc_equals_scikit_learn_with_ties(inside: list[int], outside: list[int]) -> None:
    labels = [0] * len(inside) + [1] * len(outside)
    expected = roc_auc_score(labels, inside + outside)
    assert auroc(np.array(inside, np.float64), np.array(outside, np.float64)) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60)
@given(_SCORES, _SCORES, st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_fpr_equals_scikit_learns_curve(inside: list[int], outside: list[int], tpr: float) -> None:
    labels = [1] * len(inside) + [0] * len(outside)
    fpr, reached, _ = roc_curve(labels, [-score for score in inside + outside], drop_intermediate=False)
    expected = fpr[np.argmax(reached >= tpr - 1e-12)]
    assert fpr_at_tpr(np.array(inside, np.float64), np.array(outside, np.float64), tpr) == pytest.approx(expected)


def test_directions() -> None:
    near, far = np.arange(10.0), np.arange(20.0, 30.0)
    assert auroc(near, far) == 1.0
    assert auroc(far, near) == 0.0
    assert fpr_at_tpr(near, far) == 0.0
    assert fpr_at_tpr(far, near) == 1.0


def test_threshold_keeps_the_promised_share_of_small_samples() -> None:
    scores = np.random.default_rng(0).random(7)
    for share in (0.5, 0.9, 0.95, 1.0):
        assert np.mean(scores <= keep_threshold(scores, share)) >= share


@pytest.mark.parametrize("scores", [np.zeros(0), np.array([0.0, np.nan]), np.zeros((2, 2))])
def test_refuses_unusable_scores(scores: np.ndarray) -> None:
    with pytest.raises(InputError, match="score"):
        auroc(np.arange(3.0), scores)
    with pytest.raises(InputError, match="score"):
        fpr_at_tpr(scores, np.arange(3.0))


def test_the_interval_of_auroc_is_scipy_s_bootstrap() -> None:
    generator = np.random.default_rng(0)
    inside, outside = generator.normal(size=90), generator.normal(1, 1, size=40).round(1)
    ours = bootstrap_auroc(inside, outside, resamples=3000, seed=0)
    theirs = stats.bootstrap(
        (inside, outside), auroc, vectorized=False, n_resamples=3000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.estimate == auroc(inside, outside)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.012)


def test_the_change_of_auroc_is_paired() -> None:
    generator = np.random.default_rng(0)
    inside, outside = generator.normal(size=60), generator.normal(1, 1, size=30)
    same = bootstrap_auroc_change((inside, outside), (inside * 3 + 1, outside * 3 + 1), seed=0)
    assert (same.estimate, same.low, same.high) == (0, 0, 0)
    lost = bootstrap_auroc_change((inside, outside), (inside, generator.permutation(inside[:30])), seed=0)
    assert lost.high < 0
    with pytest.raises(InputError, match="same frames"):
        bootstrap_auroc_change((inside, outside), (inside, outside[1:]), seed=0)


def test_the_interval_of_fpr_is_that_of_redrawn_sets() -> None:
    generator = np.random.default_rng(5)
    inside, outside = generator.normal(size=60), generator.normal(1.5, 1.0, 40)
    interval = bootstrap_fpr_at_tpr(inside, outside, resamples=4000, seed=1)
    redrawn = [fpr_at_tpr(generator.choice(inside, 60), generator.choice(outside, 40)) for _ in range(4000)]
    assert interval.estimate == fpr_at_tpr(inside, outside)
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(redrawn, [0.025, 0.975])), abs=0.03)
    assert interval.n == 40
