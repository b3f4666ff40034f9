"""Every OOD score of one stage, fitted on source frames alone, so that they can be asked of the same frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.ood.combined import (
    CombinedOodModel,
    FrameFigures,
    combined_deviations,
    score_of,
)
from edge_nt.ood.combined_fit import fit_combined, left_out_deviations
from edge_nt.ood.latent_scores import neighbour_distance, normalised_mahalanobis, relative_mahalanobis
from edge_nt.ood.mahalanobis import Latents, ood_scores

Scores = NDArray[np.float64]

SEED_SCORE = "mahalanobis"
DEFAULT_SCORE = "combination"
MEANINGS = {
    SEED_SCORE: "distance to the nearest source site, tied Ledoit-Wolf covariance: the method's own",
    "relative mahalanobis": "the same, squared, less the distance to all as one (groups: hospital and scanner)",
    "normalised mahalanobis": "the same of latents of length 1",
    "k-nn": "distance to the 10th nearest training latent, of length 1",
    "reconstruction error": "mean absolute error",
    "rank combination": "mean rank among held-in validation of the scores above",
    "two-sided mahalanobis": "held-in deviations of the distance, above or below",
    "two-sided error": "held-in deviations of the error from what the signals let expect, above or below",
    "signals": "distance of the signal statistics from training",
    DEFAULT_SCORE: "mean of the three above: what ships",
}
_RANKED = tuple(MEANINGS)[:5]


@dataclass(frozen=True, eq=False)
class SourceFigures:
    """What scores are fitted on: training latents (N, D) and signals (N, S) with the site and scanner of each row,
    and the figures of held-in validation with the patient of each frame.
    """

    latents: Latents
    signals: NDArray[np.float64]
    sites: tuple[str, ...]
    scanners: tuple[str, ...]
    validation: FrameFigures
    patients: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FittedScores:
    """Scores (M,) of held-in validation by name, as of frames that nothing was fitted on, and how to score others."""

    source: SourceFigures
    model: CombinedOodModel
    inside: Mapping[str, Scores]

    def of(self, figures: FrameFigures) -> dict[str, Scores]:
        """Scores (N,) of other frames by name."""
        raw = _one_sided(self.source, self.model, figures)
        ranks = [_ranks(self.inside[name], raw[name]) for name in _RANKED if name in raw]
        return {**raw, "rank combination": np.mean(ranks, axis=0), **_sides(combined_deviations(self.model, figures))}


def fit_scores(source: SourceFigures, kept_share: float) -> FittedScores:
    """Fit every score on the source; the relative one is left out where all training frames are of one scanner.

    Raises: InputError when latents are missing or not finite, or validation has fewer than 4 frames.
    """
    patients = source.patients
    model = fit_combined(source.latents, source.signals, source.sites, source.validation, patients, quantile=kept_share)
    raw = _one_sided(source, model, source.validation)
    ranks = [_left_out_ranks(raw[name]) for name in _RANKED if name in raw]
    sides = _sides(left_out_deviations(model, source.validation, patients))
    return FittedScores(source, model, {**raw, "rank combination": np.mean(ranks, axis=0), **sides})


def _one_sided(source: SourceFigures, model: CombinedOodModel, figures: FrameFigures) -> dict[str, Scores]:
    """Scores that nothing of validation is fitted for."""
    groups, several = source.scanners, len(set(source.scanners)) > 1
    found = {
        SEED_SCORE: ood_scores(model.latent, figures.latents),
        "normalised mahalanobis": normalised_mahalanobis(source.latents, source.sites, figures.latents),
        "k-nn": neighbour_distance(source.latents, figures.latents),
        "reconstruction error": figures.errors,
        "signals": ood_scores(model.signals, figures.signals),
    }
    if several:
        found["relative mahalanobis"] = relative_mahalanobis(source.latents, groups, figures.latents)
    return found


def _sides(deviations: NDArray[np.float64]) -> dict[str, Scores]:
    sizes = np.abs(deviations)
    return {
        "two-sided mahalanobis": sizes[:, 0],
        "two-sided error": sizes[:, 1],
        DEFAULT_SCORE: score_of(deviations),
    }


def _ranks(inside: Scores, scores: Scores) -> Scores:
    """The share of `inside` below each score, ties counted half."""
    ordered = np.sort(inside)
    below, not_above = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    return np.asarray((below + not_above) / (2 * inside.size), np.float64)


def _left_out_ranks(inside: Scores) -> Scores:
    """The same of each of `inside` among the others."""
    return np.asarray((_ranks(inside, inside) * inside.size - 0.5) / (inside.size - 1), np.float64)


def names_of(scores: Mapping[str, Scores]) -> tuple[str, ...]:
    """The names among `scores` in the order of `MEANINGS`."""
    return tuple(name for name in MEANINGS if name in scores)
