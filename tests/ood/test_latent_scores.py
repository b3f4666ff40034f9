from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from edge_nt.errors import InputError
from edge_nt.ood.latent_scores import neighbour_distance, normalised_mahalanobis, relative_mahalanobis

_GROUPS = np.array(["a"] * 40 + ["b"] * 60)


def _latents(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.0, np.linspace(0.2, 2, 9), (count, 9))


def _training() -> np.ndarray:
    return _latents(100, 0) + (_GROUPS == "b")[:, None] * 1.5


def _squared(training: np.ndarray, groups: np.ndarray, latents: np.ndarray) -> np.ndarray:
    names, index = np.unique(groups, return_inverse=True)
    means = np.stack([training[groups == name].mean(axis=0) for name in names])
    reference = LedoitWolf(assume_centered=True).fit(training - means[index])
    return np.min([reference.mahalanobis(latents - mean) for mean in means], axis=0)


def test_relative_distance_is_the_difference_of_scikit_learns() -> None:
    training, latents = _training(), _latents(20, 1)
    expected = _squared(training, _GROUPS, latents) - _squared(training, np.full(100, "all"), latents)
    np.testing.assert_allclose(relative_mahalanobis(training, list(_GROUPS), latents), expected, rtol=1e-6, atol=1e-8)


def test_normalised_distance_is_that_of_unit_latents() -> None:
    training, latents = _training(), _latents(20, 1)
    expected = np.sqrt(_squared(normalize(training), _GROUPS, normalize(latents)))
    np.testing.assert_allclose(normalised_mahalanobis(training, list(_GROUPS), latents), expected, rtol=1e-6)
    scaled = normalised_mahalanobis(training, list(_GROUPS), 7 * latents)
    np.testing.assert_allclose(scaled, expected, rtol=1e-6)


def test_neighbours_are_scikit_learns() -> None:
    training, latents = _training(), _latents(20, 1)
    for count in (1, 10):
        found = NearestNeighbors(n_neighbors=count).fit(normalize(training)).kneighbors(normalize(latents))[0]
        np.testing.assert_allclose(neighbour_distance(training, latents, count), found[:, -1], rtol=1e-6, atol=1e-7)


def test_refuses_what_the_scores_are_not_defined_for() -> None:
    with pytest.raises(InputError, match="two groups"):
        relative_mahalanobis(_training(), ["a"] * 100, _latents(2, 1))
    with pytest.raises(InputError, match="at least 10"):
        neighbour_distance(_training()[:9], _latents(2, 1))
