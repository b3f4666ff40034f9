"""The graph lint: what TensorRT refuses or runs badly, found before a graph leaves the workstation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from edge_nt.errors import GateFailedError
from edge_nt.export.onnx_graph import opset_of

# From 17 on every operator here is read; 20 is the last that TensorRT 10.3's parser knows.
_OPSETS = range(17, 21)
_REFUSED_OPS = {
    "ConvTranspose": "TensorRT runs it slowly or wrongly in INT8; use a convolution and a pixel shuffle",
    "BatchNormalization": "it must be folded into the convolution before it",
}
_WEIGHTED_OPS = ("Conv", "Gemm")
_PAIR = ("QuantizeLinear", "DequantizeLinear")


class GraphRejectedError(GateFailedError):
    """An exported graph breaks a rule that the carts' engines need, or TensorRT's own parser or builder refuses it."""


def refuse_violations(model: onnx.ModelProto) -> None:
    """Raises: GraphRejectedError with every violation that `lint` finds."""
    found = lint(model)
    if found:
        raise GraphRejectedError(
            expected=f"a {model.graph.name} graph that TensorRT takes",
            got="; ".join(found),
            fix="correct the model or the export recipe; docs/export.md has the rules",
        )


def lint(model: onnx.ModelProto) -> tuple[str, ...]:
    """Every violation in the graph, one sentence each; empty when there is none."""
    facts = _Facts.of(model)
    checks = (_check_model, _check_shapes, _check_operators, _check_types, _check_pairs, _check_weights, _check_fusion)
    return tuple(violation for check in checks for violation in check(facts))


@dataclass(frozen=True)
class _Facts:
    """The model with what every check looks up: constants by name, who makes a tensor, who takes it."""

    model: onnx.ModelProto
    constants: Mapping[str, TensorProto]
    maker: Mapping[str, onnx.NodeProto]
    takers: Mapping[str, tuple[onnx.NodeProto, ...]]

    @classmethod
    def of(cls, model: onnx.ModelProto) -> _Facts:
        graph = model.graph
        takers: dict[str, tuple[onnx.NodeProto, ...]] = {}
        for node in graph.node:
            for name in node.input:
                takers[name] = (*takers.get(name, ()), node)
        constants = {tensor.name: tensor for tensor in graph.initializer}
        return cls(model, constants, {name: node for node in graph.node for name in node.output}, takers)


def _check_model(facts: _Facts) -> Iterator[str]:
    opset = opset_of(facts.model)
    if opset not in _OPSETS:
        yield f"opset {opset} is not in {_OPSETS.start} to {_OPSETS.stop - 1}"
    try:
        onnx.checker.check_model(facts.model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        yield f"not valid ONNX: {' '.join(str(error).split())}"


def _check_shapes(facts: _Facts) -> Iterator[str]:
    graph = facts.model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        shape = value.type.tensor_type.shape
        if not value.type.tensor_type.HasField("shape") or any(dim.dim_value < 1 for dim in shape.dim):
            yield f"{value.name} has no static shape"
    typed = {value.name for value in (*graph.output, *graph.value_info)}
    for name in facts.maker:
        if name not in typed:
            yield f"{name} has no inferred shape"


def _check_operators(facts: _Facts) -> Iterator[str]:
    for node in facts.model.graph.node:
        if node.op_type in _REFUSED_OPS:
            yield f"{_label(node)}: {_REFUSED_OPS[node.op_type]}"
        if node.domain not in ("", "ai.onnx"):
            yield f"{_label(node)} is of the foreign operator set {node.domain}"


def _check_types(facts: _Facts) -> Iterator[str]:
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


def _check_pairs(facts: _Facts) -> Iterator[str]:
    for node in facts.model.graph.node:
        if node.op_type not in _PAIR:
            continue
        yield from _check_scale(facts, node)
        # Without a zero-point, QuantizeLinear means uint8.
        point = facts.constants.get(node.input[2]) if len(node.input) > 2 else None
        if point is None:
            yield f"{_label(node)} has no constant zero-point"
        elif point.data_type != TensorProto.INT8:
            yield f"{_label(node)} is {_type_name(point)}; TensorRT takes int8 only"
        elif np.any(numpy_helper.to_array(point)):
            yield f"{_label(node)} has a zero-point other than 0"
        stored = facts.constants.get(node.input[0])
        if stored is not None and stored.data_type != TensorProto.INT8:
            yield f"{_label(node)} reads {_type_name(stored)} constants; TensorRT takes int8 only"


def _check_scale(facts: _Facts, node: onnx.NodeProto) -> Iterator[str]:
    scale = _array(facts, node.input[1])
    if scale is None:
        yield f"{_label(node)} has no constant scale"
        return
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        yield f"{_label(node)} has a scale that is not above 0"
    if node.input[0] not in facts.constants and scale.size != 1:
        # Only an activation's own pair; a weight's DequantizeLinear reads a constant.
        yield f"{_label(node)} has {scale.size} scales for one activation"


def _check_weights(facts: _Facts) -> Iterator[str]:
    """Where a layer is quantised, its weights carry one scale an output channel and its bias none."""
    for node in facts.model.graph.node:
        if node.op_type not in _WEIGHTED_OPS:
            continue
        makers = [facts.maker.get(name) for name in node.input]
        quantised = [maker is not None and maker.op_type == "DequantizeLinear" for maker in makers]
        if quantised[0] != quantised[1]:
            yield f"{_label(node)} is quantised on one of activation and weight only"
        if len(quantised) > 2 and quantised[2]:
            yield f"{_label(node)} has a quantised bias"
        if makers[1] is not None and quantised[1]:
            yield from _check_channels(facts, node, makers[1])


def _check_channels(facts: _Facts, node: onnx.NodeProto, weights: onnx.NodeProto) -> Iterator[str]:
    stored, scale = facts.constants.get(weights.input[0]), _array(facts, weights.input[1])
    if stored is None or scale is None:
        yield f"{_label(node)} has quantised weights that are no constants"
        return
    # Gemm is exported as x · Wᵀ, so that output channels come first, as in a convolution.
    transposed = node.op_type == "Conv" or _attribute(node, "transB", 0) == 1
    axis = 0 if transposed else 1
    if scale.shape != (stored.dims[axis],) or _attribute(weights, "axis", 1) % len(stored.dims) != axis:
        yield f"{_label(node)} has weight scales {scale.shape}, not one an output channel ({stored.dims[axis]})"


def _check_fusion(facts: _Facts) -> Iterator[str]:
    """TensorRT fuses a convolution with its ReLU only when no pair stands between them."""
    for node in facts.model.graph.node:
        maker = facts.maker.get(node.input[0]) if node.op_type == "Relu" else None
        if maker is not None and maker.op_type in _PAIR:
            yield f"{_label(node)} has a quantise/dequantise pair before it"


def _array(facts: _Facts, name: str) -> NDArray[np.float32] | None:
    tensor = facts.constants.get(name)
    return None if tensor is None else np.asarray(numpy_helper.to_array(tensor))


def _attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)


def _type_name(tensor: TensorProto) -> str:
    return str(TensorProto.DataType.Name(tensor.data_type)).lower()


def _label(node: onnx.NodeProto) -> str:
    return f"{node.op_type} {node.name}".strip()
