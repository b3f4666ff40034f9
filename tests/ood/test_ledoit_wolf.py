from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf as reference

from edge_nt.ood.ledoit_wolf import ledoit_wolf


@pytest.mark.parametrize(("count", "dimension"), [(20, 128), (128, 128), (500, 16), (3, 2)])
def test_equals_scikit_learn(count: int, dimension: int) -> None:
    generator = np.random.default_rng(count)
    mixing = generator.standard_normal((dimension, dimension)) * np.linspace(0.1, 3, dimension)
    centred = generator.standard_normal((count, dimension)) @ mixing
    covariance, shrinkage = ledoit_wolf(centred)
    expected_covariance, expected_shrinkage = reference(centred, assume_centered=True)
    assert shrinkage == pytest.approx(expected_shrinkage, rel=1e-9)
    np.testing.assert_allclose(
        covariance, expected_covariance, rtol=1e-9, atol=1e-9 * np.abs(expected_covariance).max()
    )


def test_latents_of_no_spread_are_not_shrunk() -> None:
    covariance, shrinkage = ledoit_wolf(np.zeros((5, 3)))
    assert shrinkage == 0.0
    assert not covariance.any()
