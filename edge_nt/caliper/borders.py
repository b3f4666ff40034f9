"""Where the band's two borders run: the posterior of a hidden Markov model over the columns of a box.

The state of a column is the pair (upper border, lower border), as in dual dynamic programming for NT and intima-media
borders, but in place of the best path the model's posterior mean is taken (forward-backward algorithm). A best path
jumps from one candidate to another when they are equally good; a posterior mean moves continuously with the image, and
its spread says that there were two candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

# Rows that are averaged on each side of a border, and the step at which its evidence is 76 % of the most it can be.
_STEP_ROWS = 2
_STEP_SCALE = 0.2
# Weights in nats a column: evidence of both borders, brightness inside the band, and lying outside the box.
_BORDER_NATS, _INSIDE_NATS, _OUTSIDE_NATS = 5.0, 4.0, 4.0
# What moving a border by one row from a column to the next costs in probability; widening is rarer than sloping.
_SLOPE_PROBABILITY, _WIDEN_PROBABILITY = 0.3, 0.02
_THINNEST_ROWS = 1
# Fewer hold no border with its evidence on both sides and a band below it.
LEAST_ROWS = 2 * _STEP_ROWS + _THINNEST_ROWS


@dataclass(frozen=True)
class Borders:
    """Posterior of both borders, each (columns,), in continuous rows of the array that they were found in.

    `spread` is the standard deviation of the worse known of the two.
    """

    upper: Values
    lower: Values
    spread: Values


def find_borders(rows: Values, box_rows: tuple[float, float]) -> Borders:
    """Follow the dark band through `rows` (height, columns), gray levels scaled so that their range is about 1.

    Both borders are expected between `box_rows`.
    """
    upper, lower = _states(rows.shape[0], box_rows[1] - box_rows[0])
    evidence = _log_evidence(rows, upper, lower, box_rows)
    posterior = _posterior(np.exp(evidence - evidence.max(axis=(1, 2), keepdims=True)))
    upper_mean = (posterior * upper).sum(axis=(1, 2))
    lower_mean = (posterior * lower).sum(axis=(1, 2))
    upper_variance = (posterior * np.square(upper)).sum(axis=(1, 2)) - np.square(upper_mean)
    lower_variance = (posterior * np.square(lower)).sum(axis=(1, 2)) - np.square(lower_mean)
    worse = np.maximum(upper_variance, lower_variance)
    return Borders(upper_mean, lower_mean, np.sqrt(np.clip(worse, 0.0, None)))


def _states(height: int, box_height: float) -> tuple[Values, Values]:
    """Rows of the upper and the lower border of every state (starts, thicknesses); no band is thicker than its box."""
    starts = np.arange(_STEP_ROWS, height - _STEP_ROWS, dtype=np.float64)[:, None]
    thickest = min(height - 2 * _STEP_ROWS, int(np.ceil(box_height)) + 2)
    thicknesses = np.arange(_THINNEST_ROWS, thickest + 1, dtype=np.float64)
    upper = np.broadcast_to(starts, (starts.shape[0], thicknesses.size))
    return upper, upper + thicknesses


def _log_evidence(rows: Values, upper: Values, lower: Values, box_rows: tuple[float, float]) -> Values:
    """Log likelihood (columns, starts, thicknesses) of every state, −∞ where the state leaves the array."""
    height = rows.shape[0]
    total = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    first, last = upper.astype(np.intp), lower.astype(np.intp)
    fits = last <= height - _STEP_ROWS
    last = np.minimum(last, height - _STEP_ROWS)
    border = np.arange(_STEP_ROWS, height - _STEP_ROWS + 1)
    above = total[border] - total[border - _STEP_ROWS]
    below = total[border + _STEP_ROWS] - total[border]
    step = np.tanh((above - below) / (_STEP_ROWS * _STEP_SCALE))
    both = step[first - _STEP_ROWS] - step[last - _STEP_ROWS]
    inside = (total[last] - total[first]) / np.maximum(last - first, 1)[..., None]
    away = np.maximum(box_rows[0] - upper, 0.0) + np.maximum(lower - box_rows[1], 0.0)
    log = _BORDER_NATS * both - _INSIDE_NATS * inside - (_OUTSIDE_NATS * away)[..., None]
    return np.moveaxis(np.where(fits[..., None], log, -np.inf), 2, 0)


def _posterior(likelihood: Values) -> Values:
    """Forward-backward over the first axis of `likelihood`; messages are scaled to a sum of 1 at every column.

    Both passes run side by side as one array of two messages, which halves the number of steps.
    """
    columns, starts, thicknesses = likelihood.shape
    both = np.stack([likelihood, likelihood[::-1]], axis=1)
    sloping, widening = _step(starts, _SLOPE_PROBABILITY), _step(thicknesses, _WIDEN_PROBABILITY)
    reached = np.empty_like(both)
    message = np.ones(both.shape[1:])
    for column in range(columns):
        message = sloping @ message @ widening
        message /= message.sum(axis=(1, 2), keepdims=True)
        reached[column] = message
        message = message * both[column]
    posterior = reached[:, 0] * likelihood * reached[::-1, 1]
    return np.asarray(posterior / posterior.sum(axis=(1, 2), keepdims=True), np.float64)


def _step(count: int, probability: float) -> Values:
    """One step of the Markov chain (count, count): by a row at most, either way with `probability` against staying."""
    return np.asarray(np.eye(count) + probability * (np.eye(count, k=1) + np.eye(count, k=-1)), np.float64)
