"""Other published scores on frozen latents, beside which the plain Mahalanobis distance is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.ood.mahalanobis import Latents, fit_ood, ood_scores

# Sun et al. take about a thousandth of the training set; with under a thousand scans that is the nearest one, which
# a single odd scan decides. Ten of them is the smallest round number that does not hang on one scan.
NEIGHBOURS = 10


def relative_mahalanobis(training: Latents, groups: Sequence[str], latents: Latents) -> NDArray[np.float64]:
    """Scores float64 (N,) of latents (N, D): squared distance to the nearest group, less that to all as one.

    Ren et al. 2021, with Ledoit–Wolf shrunk covariances. Raises: InputError with a single group, where it is 0.
    """
    if len(set(groups)) < 2:
        raise InputError(
            expected="training latents of at least two groups for a relative distance",
            got=f"{len(set(groups))}",
            fix="train on two sites or scanners, or use another score",
        )
    near, whole = (fit_ood(training, names, training) for names in (groups, ["all"] * len(groups)))
    return np.asarray(ood_scores(near, latents) ** 2 - ood_scores(whole, latents) ** 2, np.float64)


def normalised_mahalanobis(training: Latents, groups: Sequence[str], latents: Latents) -> NDArray[np.float64]:
    """Mahalanobis distances float64 (N,) of latents (N, D) of length 1, fitted on such (Mueller and Hein 2025)."""
    unit = _unit(training)
    return ood_scores(fit_ood(unit, groups, unit), _unit(latents))


def neighbour_distance(training: Latents, latents: Latents, neighbours: int = NEIGHBOURS) -> NDArray[np.float64]:
    """Distance float64 (N,) of latents (N, D) of length 1 to the k-th nearest of training, k = `neighbours`.

    Sun et al. 2022. Raises: InputError when there are fewer training latents than that.
    """
    if not 0 < neighbours <= len(training):
        raise InputError(
            expected=f"at least {neighbours} training latents", got=f"{len(training)}", fix="train on more frames"
        )
    reference, asked = _unit(training), _unit(latents)
    squared = np.maximum(2 - 2 * asked @ reference.T, 0)
    return np.asarray(np.sqrt(np.partition(squared, neighbours - 1, axis=1)[:, neighbours - 1]), np.float64)


def _unit(latents: Latents) -> NDArray[np.float64]:
    wide = latents.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12), np.float64)
