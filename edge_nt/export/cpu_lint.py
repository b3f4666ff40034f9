"""The lint of the CPU form: what keeps a chain of layers in integer kernels, and their results right."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from edge_nt.export.graph_facts import PAIR_OPS, PASSING_OPS, WEIGHTED_OPS, GraphFacts, array_of, label, type_name
from edge_nt.export.pair_lint import check_channels, check_scale


def lint_cpu_form(facts: GraphFacts, float_layers: Collection[str]) -> Iterator[str]:
    """Every violation of the CPU form's own rules; only `float_layers` (graph/layer) may be in float."""
    for node in facts.model.graph.node:
        if node.op_type in PAIR_OPS:
            yield from _check_pair(facts, node)
        elif node.op_type in WEIGHTED_OPS and f"{facts.model.graph.name}/{node.name}" not in float_layers:
            yield from _check_layer(facts, node)
            yield from _check_output(facts, node)
        elif node.op_type in PASSING_OPS:
            yield from _check_passing(facts, node)


def _check_pair(facts: GraphFacts, node: onnx.NodeProto) -> Iterator[str]:
    yield from check_scale(facts, node)
    point = facts.constants.get(node.input[2]) if len(node.input) > 2 else None
    if point is None:
        yield f"{label(node)} has no constant zero-point"
        return
    stored = facts.constants.get(node.input[0])
    wanted = ("uint8",) if stored is None else ("int8", "int32")
    if type_name(point) not in wanted:
        yield f"{label(node)} is {type_name(point)}; CPU kernels take uint8 activations, int8 weights, int32 biases"
    if stored is not None and np.any(numpy_helper.to_array(point)):
        yield f"{label(node)} has a zero-point other than 0 for constants"


def _check_layer(facts: GraphFacts, node: onnx.NodeProto) -> Iterator[str]:
    makers = [facts.maker.get(name) for name in node.input]
    if any(maker is None or maker.op_type != "DequantizeLinear" for maker in makers) or len(makers) != 3:
        yield f"{label(node)} is in float and no float layer of the recipe"
        return
    activation, weights, bias = (maker for maker in makers if maker is not None)
    yield from check_channels(facts, node, weights)
    steps = [array_of(facts, maker.input[1]) for maker in (activation, weights, bias)]
    types = [
        type_name(facts.constants[maker.input[0]]) for maker in (weights, bias) if maker.input[0] in facts.constants
    ]
    if types != ["int8", "int32"]:
        yield f"{label(node)} has {' and '.join(types) or 'no'} constants, not int8 weights and int32 biases"
    # Kernels add the bias to the accumulator as it is, whatever scale the graph states for it.
    if any(step is None for step in steps) or not _is_product(*(step for step in steps if step is not None)):
        yield f"{label(node)} has a bias scale that is not input scale x weight scale"


def _is_product(activation: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> bool:
    return bias.shape == weights.shape and np.allclose(bias, activation * weights, rtol=1e-5, atol=0)


def _check_output(facts: GraphFacts, node: onnx.NodeProto) -> Iterator[str]:
    """Without a pair right behind it, a layer whose values go on to another layer runs in float."""
    reached = set(_reached(facts, node.output[0], passed=False))
    if reached & {("layer", False), ("layer", True), ("pair", True)}:
        yield f"{label(node)} has no quantise/dequantise pair right behind it"


def _reached(facts: GraphFacts, name: str, *, passed: bool) -> Iterator[tuple[str, bool]]:
    """The layers and pairs that read a tensor, each with whether it does so through a ReLU, reshape or shuffle."""
    for taker in facts.takers.get(name, ()):
        if taker.op_type in PASSING_OPS:
            yield from _reached(facts, taker.output[0], passed=True)
        elif taker.op_type in WEIGHTED_OPS or taker.op_type in PAIR_OPS:
            yield "layer" if taker.op_type in WEIGHTED_OPS else "pair", passed


def _check_passing(facts: GraphFacts, node: onnx.NodeProto) -> Iterator[str]:
    """Integers pass through as they are only from a grid to the same grid."""
    maker = facts.maker.get(node.input[0])
    if maker is None or maker.op_type != "DequantizeLinear":
        return
    for taker in facts.takers.get(node.output[0], ()):
        if taker.op_type != "QuantizeLinear" or _grid(facts, taker) != _grid(facts, maker):
            yield f"{label(node)} leaves the grid of integers that it reads"


def _grid(facts: GraphFacts, node: onnx.NodeProto) -> list[object]:
    arrays = [array_of(facts, name) for name in node.input[1:]]
    return [None if array is None else (str(array.dtype), array.tolist()) for array in arrays]
