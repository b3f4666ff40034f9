"""Multinomial logistic regression from features to source sites, its regularisation chosen on training frames alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_nt.errors import InputError
from edge_nt.evaluation.probe_result import Regularisation

CANDIDATES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0)
FOLDS = 5
MAX_ITERATIONS = 5000

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class FittedProbe:
    """A fitted probe over `sites` sites."""

    pipeline: Pipeline
    regularisation: Regularisation
    sites: int

    def probabilities(self, features: Features) -> Probabilities:
        """Features (N, D) → probabilities (N, sites), each row summing to 1."""
        return _probabilities(self.pipeline, features, self.sites)


def fit_probe(features: Features, labels: Labels, patients: tuple[str, ...], sites: int) -> FittedProbe:
    """Fit on `features` (N, D) with site `labels` (N,) from 0 to `sites` - 1; features are standardised.

    The penalty with the least log loss over folds is taken; no patient stands in two folds.
    Raises: InputError when a site has fewer than two patients, so that no fold can be held out.
    """
    folds = min(FOLDS, *(len({patients[at] for at in np.flatnonzero(labels == site)}) for site in range(sites)))
    if folds < 2:
        raise InputError(
            expected="training frames of at least two patients of each source site",
            got="fewer",
            fix="pass --by hospital, which joins the scanners of a hospital, or add scans",
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    splits = list(splitter.split(features, labels, patients))
    losses = tuple(_cross_validated(features, labels, splits, c) for c in CANDIDATES)
    best = CANDIDATES[int(np.argmin(losses))]
    return FittedProbe(_fitted(features, labels, best), Regularisation(best, CANDIDATES, losses, folds), sites)


def _cross_validated(features: Features, labels: Labels, folds: Sequence[tuple[Labels, Labels]], c: float) -> float:
    sites = int(labels.max()) + 1
    probabilities = np.zeros((len(labels), sites))
    for kept, left_out in folds:
        pipeline = _fitted(features[kept], labels[kept], c)
        probabilities[left_out] = _probabilities(pipeline, features[left_out], sites)
    return float(log_loss(labels, probabilities, labels=range(sites)))


def _fitted(features: Features, labels: Labels, c: float) -> Pipeline:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=MAX_ITERATIONS))
    with warnings.catch_warnings():
        # Stopped early is another classifier than the one that is reported.
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return pipeline.fit(features.astype(np.float64), labels)
        except ConvergenceWarning as warning:
            raise InputError(
                expected=f"a probe that converges within {MAX_ITERATIONS} iterations",
                got=str(warning).splitlines()[0],
                fix="look for latents that are not finite or all equal",
            ) from warning


def _probabilities(pipeline: Pipeline, features: Features, sites: int) -> Probabilities:
    # A fold may lack a rare site; what a classifier never saw has no probability.
    probabilities = np.zeros((len(features), sites))
    probabilities[:, pipeline.classes_] = pipeline.predict_proba(features.astype(np.float64))
    return probabilities
