"""Grids of integers: the scale and zero-point that a range or a layer's weights get on each engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.export.ranges import Range

# Rounded to whole steps, a bias of this many is still exact to float32's own precision and far from int32's end.
_MOST_BIAS_STEPS = 2.0**30


@dataclass(frozen=True)
class Grid:
    """`value = scale · (integer − zero_point)`; the zero-point's type is the integers'."""

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int8] | NDArray[np.uint8] | NDArray[np.int32]


def symmetric_grid(span: Range) -> Grid:
    """TensorRT's only one: int8 with zero-point 0, 127 steps up to the largest magnitude. Raises: InputError."""
    return Grid(_scale(max(abs(span.low), abs(span.high)), 127), np.array(0, np.int8))


def unsigned_grid(span: Range) -> Grid:
    """uint8 over the range widened to hold 0, which is exact: padding is 0, and so is what a ReLU cuts off.

    Raises: InputError when all values are 0.
    """
    low, high = min(span.low, 0.0), max(span.high, 0.0)
    scale = _scale(high - low, 255)
    return Grid(scale, np.array(np.rint(-low / scale), np.uint8))


def quantised_weights(
    weights: NDArray[np.float32], bias: NDArray[np.float32], input_scale: NDArray[np.float32] | None
) -> tuple[NDArray[np.int8], Grid]:
    """Weights (output channels, …) → int8 with zero-point 0 and a scale an output channel, largest magnitude on 127.

    With `input_scale`, scales are kept so large that the bias, whose step is their product with it, fits into int32.
    """
    flat = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scale = flat / np.float32(127)
    if input_scale is not None:
        scale = np.maximum(scale, np.abs(bias) / (input_scale * np.float32(_MOST_BIAS_STEPS)))
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)  # a channel of zeros fits any scale
    steps = weights / scale.reshape(-1, *[1] * (weights.ndim - 1))
    return np.clip(np.rint(steps), -127, 127).astype(np.int8), Grid(scale, np.zeros(len(scale), np.int8))


def quantised_bias(
    bias: NDArray[np.float32], input_scale: NDArray[np.float32], weight_scale: NDArray[np.float32]
) -> tuple[NDArray[np.int32], Grid]:
    """Biases (output channels,) → int32 in steps of the accumulator, so that a CPU kernel adds them as integers."""
    scale = (input_scale * weight_scale).astype(np.float32)
    return np.rint(bias.astype(np.float64) / scale).astype(np.int32), Grid(scale, np.zeros(len(scale), np.int32))


def _scale(span: float, steps: int) -> NDArray[np.float32]:
    scale = np.array(span / steps, np.float32)
    if not scale > 0:
        raise InputError(
            expected="activations other than 0 in every quantised layer on the calibration images",
            got="a layer whose activations are all 0",
            fix="train longer, name the layer in the recipe's float_layers, or calibrate on other images",
        )
    return scale
