from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from edge_nt.errors import InputError
from edge_nt.metrics.roc import auroc, fpr_at_tpr, keep_threshold

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
