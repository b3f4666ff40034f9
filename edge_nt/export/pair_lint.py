"""What every engine asks of a quantise/dequantise pair."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx

from edge_nt.export.graph_facts import GraphFacts, array_of, attribute_of, label
from edge_nt.export.grids import SMALLEST_HALF_SCALE


def check_scale(facts: GraphFacts, node: onnx.NodeProto) -> Iterator[str]:
    """A scale is constant, finite and above 0, and an activation has one."""
    scale = array_of(facts, node.input[1])
    if scale is None:
        yield f"{label(node)} has no constant scale"
        return
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        yield f"{label(node)} has a scale that is not above 0"
    elif scale.dtype == np.float16 and (scale < SMALLEST_HALF_SCALE).any():
        yield f"{label(node)} has a scale below FP16's smallest normal number; engines may take it for 0"
    if node.input[0] not in facts.constants and scale.size != 1:
        # Only an activation's own pair; a weight's DequantizeLinear reads a constant.
        yield f"{label(node)} has {scale.size} scales for one activation"


def check_channels(facts: GraphFacts, node: onnx.NodeProto, weights: onnx.NodeProto) -> Iterator[str]:
    """The weights of a layer, which `weights` dequantises, have one scale an output channel."""
    stored, scale = facts.constants.get(weights.input[0]), array_of(facts, weights.input[1])
    if stored is None or scale is None:
        yield f"{label(node)} has quantised weights that are no constants"
        return
    # Gemm is exported as x · Wᵀ, so that output channels come first, as in a convolution.
    transposed = node.op_type == "Conv" or attribute_of(node, "transB", 0) == 1
    axis = 0 if transposed else 1
    if scale.shape != (stored.dims[axis],) or attribute_of(weights, "axis", 1) % len(stored.dims) != axis:
        yield f"{label(node)} has weight scales {scale.shape}, not one an output channel ({stored.dims[axis]})"
