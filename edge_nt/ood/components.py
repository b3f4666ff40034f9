"""The three figures that the shipping OOD score is made of, of one or many frames, before they are calibrated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.ood.calibration import Calibration
from edge_nt.ood.expected_error import error_residuals
from edge_nt.ood.mahalanobis import OodModel

COMPONENT_NAMES = ("latent distance", "reconstruction error", "signals")
# No frame's signals are too much like those of training.
ONE_SIDED = np.array([False, False, True])
# Half a gray level, below which a reconstruction cannot be told from its frame; keeps its logarithm finite.
_ERROR_FLOOR = 0.5 / 255
_DISTANCE_FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class ComponentFigures:
    """Logarithms (N,) of the three figures, and whitened signals (N, S), of N frames."""

    distance: NDArray[np.float64]
    error: NDArray[np.float64]
    signal_distance: NDArray[np.float64]
    whitened: NDArray[np.float64]

    def take(self, chosen: NDArray[np.bool_]) -> ComponentFigures:
        """Those of the chosen frames alone."""
        return ComponentFigures(
            self.distance[chosen], self.error[chosen], self.signal_distance[chosen], self.whitened[chosen]
        )

    def columns(self, residuals: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is calibrated (N, 3): the error stands as its `residuals` (N,) from what the signals let expect."""
        return np.stack([self.distance, residuals, self.signal_distance], axis=1)


def component_figures(
    signal_model: OodModel,
    distances: NDArray[np.float64],
    errors: NDArray[np.float64],
    signal_distances: NDArray[np.float64],
    signals: NDArray[np.float64],
) -> ComponentFigures:
    """From the latent distance, error and signal distance (N,) and the signals (N, S) of N frames."""
    return ComponentFigures(
        np.log(distances + _DISTANCE_FLOOR),
        np.log(errors + _ERROR_FLOOR),
        np.log(signal_distances + _DISTANCE_FLOOR),
        (signals - signal_model.means.mean(axis=0)) @ signal_model.whitening.T,
    )


def component_deviations(
    figures: ComponentFigures, coefficients: NDArray[np.float64], calibration: Calibration
) -> NDArray[np.float64]:
    """Held-in deviations float64 (N, 3), negative below the held-in median."""
    return calibration.deviations(figures.columns(error_residuals(coefficients, figures.whitened, figures.error)))
