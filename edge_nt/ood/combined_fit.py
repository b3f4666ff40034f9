"""Fitting the shipping OOD score: means and covariances on training, everything else on held-in validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.ood.calibration import Calibration, calibrate
from edge_nt.ood.combined import CombinedOodModel, FrameFigures, score_of
from edge_nt.ood.components import ONE_SIDED, ComponentFigures, component_deviations, component_figures
from edge_nt.ood.conformal import held_in_scores
from edge_nt.ood.expected_error import fit_expected_error
from edge_nt.ood.mahalanobis import Latents, OodModel, fit_ood, ood_scores

# Half a percent of the pixels, or of a level: training frames without a bright pixel do not make a single one an alarm.
_SMALLEST_SPREAD = 0.005
# A median and two deviations need as many.
_FEWEST_OTHERS = 3


def fit_combined(
    latents: Latents,
    signals: NDArray[np.float64],
    hospitals: Sequence[str],
    validation: FrameFigures,
    patients: Sequence[str],
    *,
    quantile: float = 0.95,
) -> CombinedOodModel:
    """Fit on training latents (N, D) and signals (N, S) of `hospitals` (N), calibrated on held-in validation.

    `patients` names the patient of each validation frame: no frame is scored by a calibration on its own patient.
    Raises: InputError when something is missing, not finite, does not match, or is equal in all frames.
    """
    latent_model = fit_ood(latents, hospitals, validation.latents, quantile)
    # Ledoit–Wolf pulls all variances together, so figures of unlike units are first brought to one spread.
    spread = np.maximum(signals.std(axis=0), _SMALLEST_SPREAD)
    scaled = fit_ood(signals / spread, hospitals, validation.signals / spread, quantile)
    signal_model = replace(scaled, means=scaled.means * spread, whitening=scaled.whitening / spread)
    return _calibrated_model(latent_model, signal_model, validation, patients, quantile)


def recalibrated(model: CombinedOodModel, validation: FrameFigures, patients: Sequence[str]) -> CombinedOodModel:
    """The same means and covariances, with everything that validation decides fitted on other validation frames.

    Raises: InputError as `fit_combined` does.
    """
    return _calibrated_model(model.latent, model.signals, validation, patients, model.quantile)


def left_out_deviations(
    model: CombinedOodModel, validation: FrameFigures, patients: Sequence[str]
) -> NDArray[np.float64]:
    """Held-in deviations (N, 3) of the validation frames that `model` was calibrated on, by the other patients'.

    Raises: InputError when there are fewer than 4 frames, or fewer than 3 beside those of one patient.
    """
    return _left_out(_figures(model.latent, model.signals, validation), patients)


def _calibrated_model(
    latent: OodModel, signals: OodModel, validation: FrameFigures, patients: Sequence[str], quantile: float
) -> CombinedOodModel:
    figures = _figures(latent, signals, validation)
    scores = score_of(_left_out(figures, patients))
    # An observed score, never a value between two: so at least the promised share of validation is kept.
    threshold = float(np.quantile(scores, quantile, method="inverted_cdf"))
    held_in = held_in_scores(scores, patients)
    return CombinedOodModel(latent, signals, *_calibrated(figures), threshold, quantile, held_in)


def _figures(latent: OodModel, signals: OodModel, frames: FrameFigures) -> ComponentFigures:
    distances = ood_scores(latent, frames.latents), ood_scores(signals, frames.signals)
    return component_figures(signals, distances[0], frames.errors, distances[1], frames.signals)


def _calibrated(figures: ComponentFigures) -> tuple[NDArray[np.float64], Calibration]:
    coefficients, residuals = fit_expected_error(figures.whitened, figures.error)
    return coefficients, calibrate(figures.columns(residuals), ONE_SIDED)


def _left_out(figures: ComponentFigures, patients: Sequence[str]) -> NDArray[np.float64]:
    # A frame helps to set its own expected error, median and deviation, and so looks more usual than a new one; so
    # does another frame of its patient.
    names = np.asarray(patients, dtype=np.str_)
    count = len(figures.error)
    if names.shape != (count,):
        raise InputError(
            expected=f"the patient of each of {count} validation frames",
            got=f"{len(patients)}",
            fix="pass a name for every frame, its own where its patient is not known",
        )
    together = [names == name for name in dict.fromkeys(names.tolist())]
    if count <= _FEWEST_OTHERS or any(count - mine.sum() < _FEWEST_OTHERS for mine in together):
        raise InputError(
            expected="at least 4 held-in validation frames to calibrate the OOD score on, 3 of them of other patients "
            "than any one",
            got=f"{count} of {len(together)} patients",
            fix="validate on more patients; the split column of manifest.csv says which",
        )
    deviations = np.empty((count, len(ONE_SIDED)))
    for mine in together:
        deviations[mine] = component_deviations(figures.take(mine), *_calibrated(figures.take(~mine)))
    return deviations
