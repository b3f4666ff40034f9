"""The reconstruction error to be expected of a frame from its signals: a bright or busy frame is harder to draw.

Left alone, the error of a darkened frame looks good and that of a scrambled one usual. What counts is how far it lies
from that of held-in frames with like signals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The weight of the prior that signals say nothing of the error, in frames: about one for each signal.
_PRIOR_FRAMES = 10.0


def fit_expected_error(
    whitened: NDArray[np.float64], log_errors: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients (1 + S,) that give log errors (N,) from whitened signals (N, S), and left-out residuals (N,).

    Ridge regression with a free constant. A left-out residual is that of a fit to all the other frames, from the hat
    matrix (Allen's PRESS; Hoerl and Kennard 1970 for the ridge).
    """
    design = _with_constant(whitened)
    penalty = np.diag([0.0] + [_PRIOR_FRAMES] * whitened.shape[1])
    solved = np.linalg.solve(design.T @ design + penalty, design.T)
    coefficients = solved @ log_errors
    leverage = np.einsum("ns,sn->n", design, solved)
    return coefficients, (log_errors - design @ coefficients) / (1 - leverage)


def error_residuals(
    coefficients: NDArray[np.float64], whitened: NDArray[np.float64], log_errors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log errors (N,) of frames with whitened signals (N, S), less what was to be expected."""
    return np.asarray(log_errors - _with_constant(whitened) @ coefficients, np.float64)


def _with_constant(whitened: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.ones((len(whitened), 1)), whitened], axis=1)
