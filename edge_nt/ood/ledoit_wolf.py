"""Ledoit–Wolf shrinkage of a covariance matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ledoit_wolf(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The shrunk covariance (D, D) of centred rows (N, D), and the shrinkage in [0, 1] towards mu · identity.

    Ledoit and Wolf 2004, the variant of scikit-learn with ``assume_centered=True``: sums are divided by N, and mu is
    the mean variance.
    """
    count, dimension = centred.shape
    covariance = centred.T @ centred / count
    mean_variance = float(np.trace(covariance)) / dimension
    squared_distance = float(np.sum(covariance**2)) / dimension - mean_variance**2
    squares = centred**2
    noise = (float(np.sum(squares.sum(axis=1) ** 2)) / count - float(np.sum(covariance**2))) / (dimension * count)
    noise = min(max(noise, 0.0), squared_distance)
    shrinkage = noise / squared_distance if noise > 0 else 0.0
    identity_share = shrinkage * mean_variance * np.eye(dimension)
    return (1 - shrinkage) * covariance + identity_share, shrinkage
