"""The graph lint: what an engine refuses or runs badly, found before a graph leaves the workstation."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from edge_nt.bundle.manifest import Target
from edge_nt.errors import GateFailedError
from edge_nt.export.cpu_lint import lint_cpu_form
from edge_nt.export.graph_facts import PAIR_OPS, WEIGHTED_OPS, GraphFacts, label, type_name
from edge_nt.export.onnx_graph import opset_of
from edge_nt.export.pair_lint import check_channels, check_scale

# From 17 on every operator here is read; 20 is the last that TensorRT 10.3's parser knows.
_OPSETS = range(17, 21)
_REFUSED_OPS = {
    "ConvTranspose": "TensorRT runs it slowly or wrongly in INT8; use a convolution and a pixel shuffle",
    "BatchNormalization": "it must be folded into the convolution before it",
}


class GraphRejectedError(GateFailedError):
    """An exported graph breaks a rule that the carts' engines need, or TensorRT's own parser or builder refuses it."""


def refuse_violations(model: onnx.ModelProto, target: Target, float_layers: Collection[str] = ()) -> None:
    """Raises: GraphRejectedError with every violation that `lint` finds."""
    found = lint(model, target, float_layers)
    if found:
        raise GraphRejectedError(
            expected=f"a {model.graph.name} graph that {'CPU engines take' if target == 'cpu' else 'TensorRT takes'}",
            got="; ".join(found),
            fix="correct the model or the export recipe; docs/export.md has the rules",
        )


def lint(model: onnx.ModelProto, target: Target, float_layers: Collection[str] = ()) -> tuple[str, ...]:
    """Every violation in the graph, one sentence each; empty when there is none.

    A graph for any engine keeps TensorRT's rules. In one for CPUs, only `float_layers` (graph/layer) may be in float.
    """
    facts = GraphFacts.of(model)
    found = [violation for check in _EVERYWHERE for violation in check(facts)]
    if target == "cpu":
        return (*found, *lint_cpu_form(facts, float_layers))
    return (*found, *(violation for check in _TENSORRT for violation in check(facts)))


def _check_model(facts: GraphFacts) -> Iterator[str]:
    opset = opset_of(facts.model)
    if opset not in _OPSETS:
        yield f"opset {opset} is not in {_OPSETS.start} to {_OPSETS.stop - 1}"
    try:
        onnx.checker.check_model(facts.model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        yield f"not valid ONNX: {' '.join(str(error).split())}"


def _check_shapes(facts: GraphFacts) -> Iterator[str]:
    graph = facts.model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        shape = value.type.tensor_type.shape
        if not value.type.tensor_type.HasField("shape") or any(dim.dim_value < 1 for dim in shape.dim):
            yield f"{value.name} has no static shape"
    typed = {value.name for value in (*graph.output, *graph.value_info)}
    for name in facts.maker:
        if name not in typed:
            yield f"{name} has no inferred shape"


def _check_operators(facts: GraphFacts) -> Iterator[str]:
    for node in facts.model.graph.node:
        if node.op_type in _REFUSED_OPS:
            yield f"{label(node)}: {_REFUSED_OPS[node.op_type]}"
        if node.domain not in ("", "ai.onnx"):
            yield f"{label(node)} is of the foreign operator set {node.domain}"


def _check_types(facts: GraphFacts) -> Iterator[str]:
    graph = facts.model.graph
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type != TensorProto.FLOAT:
            yield f"{value.name} is not float32 at the edge"
    for value in graph.value_info:
        if value.type.tensor_type.elem_type == TensorProto.DOUBLE:
            yield f"{value.name} is float64"
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.DOUBLE:
            yield f"{tensor.name} is float64"


def _check_one_float_type(facts: GraphFacts) -> Iterator[str]:
    """A graph is in FP16 or in FP32, apart from its edges: a tensor of the other type costs a conversion each way."""
    graph = facts.model.graph
    types = {value.name: value.type.tensor_type.elem_type for value in graph.value_info}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    if TensorProto.FLOAT16 in types.values():
        for name, each in types.items():
            if each == TensorProto.FLOAT:
                yield f"{name} is float32 inside a graph in float16"


def _check_pairs(facts: GraphFacts) -> Iterator[str]:
    for node in facts.model.graph.node:
        if node.op_type not in PAIR_OPS:
            continue
        yield from check_scale(facts, node)
        # Without a zero-point, QuantizeLinear means uint8.
        point = facts.constants.get(node.input[2]) if len(node.input) > 2 else None
        if point is None:
            yield f"{label(node)} has no constant zero-point"
        elif point.data_type != TensorProto.INT8:
            yield f"{label(node)} is {type_name(point)}; TensorRT takes int8 only"
        elif np.any(numpy_helper.to_array(point)):
            yield f"{label(node)} has a zero-point other than 0"
        stored = facts.constants.get(node.input[0])
        if stored is not None and stored.data_type != TensorProto.INT8:
            yield f"{label(node)} reads {type_name(stored)} constants; TensorRT takes int8 only"


def _check_weights(facts: GraphFacts) -> Iterator[str]:
    """Where a layer is quantised, its weights carry one scale an output channel and its bias none."""
    for node in facts.model.graph.node:
        if node.op_type not in WEIGHTED_OPS:
            continue
        makers = [facts.maker.get(name) for name in node.input]
        quantised = [maker is not None and maker.op_type == "DequantizeLinear" for maker in makers]
        if quantised[0] != quantised[1]:
            yield f"{label(node)} is quantised on one of activation and weight only"
        if len(quantised) > 2 and quantised[2]:
            yield f"{label(node)} has a quantised bias"
        if makers[1] is not None and quantised[1]:
            yield from check_channels(facts, node, makers[1])


def _check_fusion(facts: GraphFacts) -> Iterator[str]:
    """TensorRT fuses a convolution with its ReLU only when no pair stands between them."""
    for node in facts.model.graph.node:
        maker = facts.maker.get(node.input[0]) if node.op_type == "Relu" else None
        if maker is not None and maker.op_type in PAIR_OPS:
            yield f"{label(node)} has a quantise/dequantise pair before it"


_EVERYWHERE = (_check_model, _check_shapes, _check_operators, _check_types)
_TENSORRT = (_check_one_float_type, _check_pairs, _check_weights, _check_fusion)
