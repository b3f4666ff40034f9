"""How far a frame's latent lies from every hospital of the training set: the tied Mahalanobis distance.

The statistics go into an npz file as plain arrays, read back with ``allow_pickle=False``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.ood.ledoit_wolf import ledoit_wolf

Latents = NDArray[np.float32] | NDArray[np.float64]

_FLOAT_ARRAYS = {"means": 2, "whitening": 2, "shrinkage": 0, "threshold": 0, "quantile": 0}


@dataclass(frozen=True, eq=False)
class OodModel:
    """Statistics of one encoder's training latents, and the score above which a frame counts as out of distribution.

    `hospitals` names the rows of `means` float64 (K, D); `whitening` float64 (D, D) turns a deviation into standard
    deviations; `shrinkage` in [0, 1] is Ledoit–Wolf's; `threshold` ≥ 0 keeps the share `quantile` of validation.
    """

    hospitals: tuple[str, ...]
    means: NDArray[np.float64]
    whitening: NDArray[np.float64]
    shrinkage: float
    threshold: float
    quantile: float

    def __post_init__(self) -> None:
        dimension = self.means.shape[1] if self.means.ndim == 2 else 0
        named = 0 < len(self.hospitals) == len(set(self.hospitals))
        if not named or dimension == 0 or self.means.shape[0] != len(self.hospitals):
            raise _unusable(f"means {self.means.shape} for hospitals {self.hospitals}")
        if self.whitening.shape != (dimension, dimension):
            raise _unusable(f"whitening {self.whitening.shape} for {dimension}-D means")
        for name, array in (("means", self.means), ("whitening", self.whitening)):
            if array.dtype != np.float64 or not np.all(np.isfinite(array)):
                raise _unusable(f"{name} of {array.dtype} with non-finite or rounded values")
        if not (0 <= self.shrinkage <= 1 and 0 <= self.threshold < np.inf and 0 < self.quantile <= 1):
            raise _unusable(f"shrinkage {self.shrinkage}, threshold {self.threshold}, quantile {self.quantile}")


def fit_ood(
    latents: Latents, hospitals: Sequence[str], validation_latents: Latents, quantile: float = 0.95
) -> OodModel:
    """Fit on the training latents (N, D) of `hospitals` (N), with the threshold set on held-in validation (M, D).

    Variant of Lee et al. 2018: one mean a hospital, one covariance tied over all (here Ledoit–Wolf shrunk), on the
    frozen latents only. At least the share `quantile` of validation scores at or below the threshold.
    Raises: InputError when latents are missing, not finite, do not match, or all are equal.
    """
    training = _checked_latents(latents, "training", None)
    validation = _checked_latents(validation_latents, "validation", training.shape[1])
    if len(hospitals) != training.shape[0]:
        got = f"{len(hospitals)} hospitals for {training.shape[0]} latents"
        raise InputError(expected="one hospital a training latent", got=got, fix="pass the hospital of every row")
    if not 0 < quantile <= 1:
        raise InputError(expected="a quantile within (0, 1]", got=f"{quantile}", fix="pass, for example, 0.95")
    names, index = np.unique(np.asarray(hospitals, dtype=np.str_), return_inverse=True)
    means = np.stack([training[index == k].mean(axis=0) for k in range(len(names))])
    whitening, shrinkage = _whitening(training - means[index])
    without_threshold = OodModel(tuple(str(name) for name in names), means, whitening, shrinkage, 0.0, quantile)
    # An observed score, never a value between two: so at least the promised share of validation is kept.
    threshold = float(np.quantile(ood_scores(without_threshold, validation), quantile, method="inverted_cdf"))
    return replace(without_threshold, threshold=threshold)


def ood_scores(model: OodModel, latents: Latents) -> NDArray[np.float64]:
    """Scores float64 (N,) ≥ 0 of latents (N, D): the Mahalanobis distance to the nearest hospital's mean.

    A frame is out of distribution when its score is above `model.threshold`.
    Raises: InputError when latents are not finite or not of the model's dimension.
    """
    checked = _checked_latents(latents, "frame", model.means.shape[1])
    scorer = OodScorer(model)
    return np.array([scorer(latent) for latent in checked], np.float64)


class OodScorer:
    """Scores one latent at a time with everything that does not depend on it computed once."""

    def __init__(self, model: OodModel) -> None:
        # Measured from the first mean, so that a large common offset of all latents costs no digits.
        self._origin = model.means[0]
        self._whitening = np.ascontiguousarray(model.whitening)
        self._centres = (model.means - self._origin) @ model.whitening.T

    def __call__(self, latent: NDArray[np.floating[Any]]) -> float:
        """The score of a latent (D,), which must be finite and of the model's dimension: neither is checked here."""
        # einsum and not @: it runs on this thread alone, whatever BLAS does with threads for a product of this size.
        whitened = np.einsum("ij,j->i", self._whitening, latent - self._origin)
        deviations = whitened - self._centres
        return float(np.sqrt(np.einsum("kd,kd->k", deviations, deviations).min()))


def ood_arrays(model: OodModel) -> dict[str, NDArray[Any]]:
    """The model as arrays: `hospitals` unicode (K,), `means` (K, D), `whitening` (D, D) and float64 scalars."""
    return {
        "hospitals": np.asarray(model.hospitals, dtype=np.str_),
        "means": model.means,
        "whitening": model.whitening,
        "shrinkage": np.asarray(model.shrinkage, np.float64),
        "threshold": np.asarray(model.threshold, np.float64),
        "quantile": np.asarray(model.quantile, np.float64),
    }


def ood_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> OodModel:
    """The model that `ood_arrays` wrote, from arrays read with ``allow_pickle=False``.

    Raises: InputError when an array is missing, or has another shape or type, or holds NaN or infinity.
    """
    missing = [name for name in ("hospitals", *_FLOAT_ARRAYS) if name not in arrays]
    if missing:
        raise _refused(f"none named {', '.join(missing)}")
    hospitals = arrays["hospitals"]
    if hospitals.ndim != 1 or hospitals.dtype.kind != "U":
        raise _refused(f"hospitals of {hospitals.dtype} {hospitals.shape}")
    for name, dimensions in _FLOAT_ARRAYS.items():
        if arrays[name].ndim != dimensions or arrays[name].dtype != np.float64:
            raise _refused(f"{name} of {arrays[name].dtype} {arrays[name].shape}")
    return OodModel(
        tuple(str(name) for name in hospitals),
        arrays["means"],
        arrays["whitening"],
        float(arrays["shrinkage"]),
        float(arrays["threshold"]),
        float(arrays["quantile"]),
    )


def _whitening(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The inverse Cholesky factor (D, D) of the shrunk covariance, and the shrinkage."""
    covariance, shrinkage = ledoit_wolf(centred)
    try:
        factor = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise InputError(
            expected="training latents that differ from each other",
            got=f"{centred.shape[0]} latents whose covariance is singular",
            fix="train on more frames, or check that the encoder has learned anything",
        ) from None
    return np.tril(np.linalg.inv(factor)), shrinkage


def _checked_latents(latents: Latents, name: str, dimension: int | None) -> NDArray[np.float64]:
    shape_fits = latents.ndim == 2 and latents.size > 0 and dimension in (None, latents.shape[1])
    if not shape_fits or not np.issubdtype(latents.dtype, np.floating) or not np.all(np.isfinite(latents)):
        raise InputError(
            expected=f"finite {name} latents (N, {dimension or 'D'}) with N above 0",
            got=f"{latents.dtype} {latents.shape}" + (" with NaN or infinity" if shape_fits else ""),
            fix="encode at least one frame with the encoder that the statistics belong to",
        )
    return latents.astype(np.float64)


def _unusable(got: str) -> InputError:
    return InputError(expected="consistent OOD statistics", got=got, fix="fit them again with edge_nt.ood.fit_ood")


def _refused(got: str) -> InputError:
    return InputError(
        expected="OOD statistics: hospitals, means (K, D), whitening (D, D), shrinkage, threshold, quantile",
        got=got,
        fix="export the run again",
    )
