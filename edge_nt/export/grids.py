"""Grids of integers: the scale and zero-point that a range or a layer's weights get on each engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.bundle.manifest import FloatType
from edge_nt.errors import InputError
from edge_nt.export.ranges import Range

# Rounded to whole steps, a bias of this many is still exact to float32's own precision and far from int32's end.
MOST_BIAS_STEPS = 2.0**30
# Below it FP16 loses digits, one over it is no longer a number, and engines may take it for 0.
SMALLEST_HALF_SCALE = np.finfo(np.float16).smallest_normal


@dataclass(frozen=True)
class Grid:
    """`value = scale · (integer − zero_point)`; the zero-point's type is the integers'."""

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int8] | NDArray[np.uint8] | NDArray[np.int32]


def symmetric_grid(span: Range, float_type: FloatType = "fp32") -> Grid:
    """TensorRT's only one: int8 with zero-point 0, 127 steps up to the largest magnitude.

    The scale is a number of `float_type`. Raises: InputError when all values are 0, or their step is none of FP16.
    """
    scale = _scale(max(abs(span.low), abs(span.high)), 127)
    if float_type == "fp16":
        largest = float(np.finfo(np.float16).max)
        if not SMALLEST_HALF_SCALE <= scale <= largest:
            raise InputError(
                expected=f"steps of INT8 activations from {SMALLEST_HALF_SCALE:.3g} to {largest:g}, as FP16 has them",
                got=f"{scale:.3g}",
                fix='set int8.tensorrt_float_type = "fp32" in the recipe, or name the layer in its float_layers',
            )
        scale = scale.astype(np.float16).astype(np.float32)
    return Grid(scale, np.array(0, np.int8))


def unsigned_grid(span: Range) -> Grid:
    """uint8 over the range widened to hold 0, which is exact: padding is 0, and so is what a ReLU cuts off.

    Raises: InputError when all values are 0.
    """
    low, high = min(span.low, 0.0), max(span.high, 0.0)
    scale = _scale(high - low, 255)
    return Grid(scale, np.array(np.rint(-low / scale), np.uint8))


def quantised_weights(
    weights: NDArray[np.float32], least_scale: NDArray[np.float32], float_type: FloatType = "fp32"
) -> tuple[NDArray[np.int8], Grid]:
    """Weights (output channels, …) → int8 with zero-point 0 and a scale an output channel, largest magnitude on 127.

    Scales are numbers of `float_type`, and none is below its channel's `least_scale` or, in FP16, the smallest normal
    number: a channel of weights that small gets coarser steps, of which each is at most 6e-5.
    """
    flat = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scale = np.maximum(flat / np.float32(127), least_scale)
    if float_type == "fp16":
        scale = np.maximum(scale, SMALLEST_HALF_SCALE).astype(np.float16)
    scale = np.where(scale > 0, scale, 1).astype(np.float32)  # a channel of zeros fits any scale
    steps = weights / scale.reshape(-1, *[1] * (weights.ndim - 1))
    return np.clip(np.rint(steps), -127, 127).astype(np.int8), Grid(scale, np.zeros(len(scale), np.int8))


def least_scale_of(bias: NDArray[np.float32], input_scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """The least weight scale a channel with which its bias, in steps of input scale × weight scale, fits into int32."""
    least: NDArray[np.float32] = np.abs(bias) / (input_scale * np.float32(MOST_BIAS_STEPS))
    return least


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
