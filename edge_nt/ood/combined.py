"""The OOD score that ships: latent distance in both directions, reconstruction error, and signal statistics.

One-sided Mahalanobis on the latents calls low gain, a black frame, a probe off the skin and blur *more* typical than
real scans: an autoencoder maps frames of little energy near the mean of its latents. So three figures are combined:

    latent distance        of the plain `OodModel` (mahalanobis.py), unusual when large *or small*
    reconstruction error   less what the frame's signals let expect (expected_error.py), unusual when large or small
    signals                distance of `signal_statistics` from those of training frames, unusual when large

The logarithm of each is turned into held-in deviations (calibration.py), and **the score is the mean of their sizes**:
at or below `threshold` a frame is in distribution. What may be fitted on training frames is (means and covariances).
The rest comes from held-in validation, because latents and errors of training frames look better than those of new
ones; the threshold keeps the share `quantile` of validation, each frame scored by what was calibrated on the *other*
patients. Those scores ride along, so that a frame's score can be said as a p-value (conformal.py).

Interface:
    figures = frame_figures(network_inputs, latents, network_outputs)       # validation frames, by the shipping encoder
    model = fit_combined(training_latents, training_signals, hospitals, figures, patients)      # combined_fit.py
    arrays = combined_arrays(model); model = combined_from_arrays(arrays)   # combined_arrays.py, for an npz
    score = CombinedOodScorer(model)(network_input, latent, network_output) # → OodScore, one frame (combined_scorer.py)
    combined_scores(model, figures)                                         # float64 (N,), many frames
    score_of(left_out_deviations(model, figures, patients))                 # the same of validation, free of its fit
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.ood.calibration import Calibration
from edge_nt.ood.components import COMPONENT_NAMES, ONE_SIDED, component_deviations, component_figures
from edge_nt.ood.conformal import HeldInScores
from edge_nt.ood.mahalanobis import Latents, OodModel, ood_scores
from edge_nt.ood.signals import SIGNAL_NAMES, signal_statistics


@dataclass(frozen=True, eq=False)
class CombinedOodModel:
    """What the shipping score needs: the plain latent model, the same kind of model of signals, their calibration.

    `latent` is the seed's method with its own threshold. `error_coefficients` (1 + S,) give the logarithm of the
    expected reconstruction error. `calibration` has a place for each of `COMPONENT_NAMES`. `threshold` ≥ 0, in held-in
    deviations, keeps the share `quantile` of held-in validation, whose left-out scores are `held_in`.
    """

    latent: OodModel
    signals: OodModel
    error_coefficients: NDArray[np.float64]
    calibration: Calibration
    threshold: float
    quantile: float
    held_in: HeldInScores

    def __post_init__(self) -> None:
        if self.signals.means.shape[1] != len(SIGNAL_NAMES) or self.signals.hospitals != self.latent.hospitals:
            raise _unusable(f"signal means {self.signals.means.shape} of hospitals {self.signals.hospitals}")
        whitening = self.signals.whitening
        if np.any(np.triu(whitening, 1)) or np.any(np.diagonal(whitening) <= 0):
            raise _unusable("a whitening of signals that is no inverse Cholesky factor")
        coefficients = self.error_coefficients
        if coefficients.shape != (1 + len(SIGNAL_NAMES),) or coefficients.dtype != np.float64:
            raise _unusable(f"error coefficients of {coefficients.dtype} {coefficients.shape}")
        if not np.all(np.isfinite(coefficients)):
            raise _unusable("error coefficients with NaN or infinity")
        if self.calibration.median.shape != (len(COMPONENT_NAMES),):
            raise _unusable(f"a calibration of {self.calibration.median.shape}")
        if not np.array_equal(np.isinf(self.calibration.below), ONE_SIDED):
            raise _unusable(f"deviations below of {self.calibration.below}")
        if not (0 <= self.threshold < np.inf and 0 < self.quantile <= 1):
            raise _unusable(f"threshold {self.threshold}, quantile {self.quantile}")


@dataclass(frozen=True, eq=False)
class FrameFigures:
    """What is scored of N frames: latents (N, D), reconstruction errors float64 (N,), signal statistics (N, S)."""

    latents: Latents
    errors: NDArray[np.float64]
    signals: NDArray[np.float64]

    def __post_init__(self) -> None:
        count = len(self.latents)
        if self.errors.shape != (count,) or self.signals.shape != (count, len(SIGNAL_NAMES)):
            raise InputError(
                expected=f"an error and {len(SIGNAL_NAMES)} signals for each of {count} latents",
                got=f"{self.errors.shape} errors and {self.signals.shape} signals",
                fix="make them with edge_nt.ood.combined.frame_figures",
            )


def joined_figures(parts: Sequence[FrameFigures]) -> FrameFigures:
    """The figures of batches as those of all their frames, in order."""
    columns = zip(*((part.latents, part.errors, part.signals) for part in parts), strict=True)
    return FrameFigures(*(np.concatenate(column) for column in columns))


def frame_figures(
    network_inputs: NDArray[np.uint8], latents: Latents, network_outputs: NDArray[np.float32]
) -> FrameFigures:
    """The figures of frames uint8 (N, H, W) with their latents (N, D) and reconstructions float32 (N, H, W) in [0, 1].

    Raises: InputError when there is none, or the sizes do not match.
    """
    if len(network_inputs) == 0 or network_inputs.shape != network_outputs.shape:
        raise InputError(
            expected="frames and reconstructions of one shape (N, H, W) with N above 0",
            got=f"{network_inputs.shape} and {network_outputs.shape}",
            fix="pass the frames that were reconstructed",
        )
    pairs = zip(network_inputs, network_outputs, strict=True)
    errors = np.array([reconstruction_error(frame, output) for frame, output in pairs], np.float64)
    return FrameFigures(latents, errors, signals_of(network_inputs))


def signals_of(network_inputs: NDArray[np.uint8]) -> NDArray[np.float64]:
    """`signal_statistics` (N, S) of frames uint8 (N, H, W)."""
    return np.array([signal_statistics(frame) for frame in network_inputs], np.float64)


def reconstruction_error(network_input: NDArray[np.uint8], network_output: NDArray[np.float32]) -> float:
    """Mean absolute error in [0, 1] of a reconstruction float32 (H, W) in [0, 1] of a frame uint8 (H, W)."""
    difference = network_input * np.float32(1 / 255) - network_output
    return float(np.abs(difference, out=difference).mean())


def combined_deviations(model: CombinedOodModel, figures: FrameFigures) -> NDArray[np.float64]:
    """Held-in deviations float64 (N, C), a column for each of `COMPONENT_NAMES`; negative below the held-in median."""
    distances, signal_distances = ood_scores(model.latent, figures.latents), ood_scores(model.signals, figures.signals)
    return deviations_of(model, distances, figures.errors, signal_distances, figures.signals)


def deviations_of(
    model: CombinedOodModel,
    distances: NDArray[np.float64],
    errors: NDArray[np.float64],
    signal_distances: NDArray[np.float64],
    signals: NDArray[np.float64],
) -> NDArray[np.float64]:
    """`combined_deviations` (N, C) from the latent distance, error and signal distance (N,) and the signals (N, S)."""
    figures = component_figures(model.signals, distances, errors, signal_distances, signals)
    return component_deviations(figures, model.error_coefficients, model.calibration)


def combined_scores(model: CombinedOodModel, figures: FrameFigures) -> NDArray[np.float64]:
    """Scores float64 (N,) ≥ 0; above `model.threshold` a frame is out of distribution."""
    return score_of(combined_deviations(model, figures))


def score_of(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean size (...,) of signed deviations (..., C)."""
    return np.asarray(np.abs(deviations).mean(axis=-1), np.float64)


def _unusable(got: str) -> InputError:
    return InputError(
        expected="consistent combined OOD statistics", got=got, fix="fit them again with edge_nt.ood.combined"
    )
