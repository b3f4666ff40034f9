"""The work in a bundle's graphs: multiply-adds and values moved, layer by layer, from static shapes alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import onnx

_WEIGHTED = ("Conv", "Gemm", "MatMul")
# Engines compute these inside the layer before or behind them, or do not compute at all.
_FREE = frozenset({"Relu", "Sigmoid", "QuantizeLinear", "DequantizeLinear", "Cast", "Reshape", "Flatten"})


@dataclass(frozen=True)
class LayerWork:
    """What one layer does for one frame; `name` is such as ``encoder/conv_1``. Weights include the bias."""

    name: str
    operation: str
    multiply_adds: int
    input_values: int
    weight_values: int
    output_values: int

    @property
    def values_moved(self) -> int:
        """Values that travel when every tensor is read or written once."""
        return self.input_values + self.weight_values + self.output_values


def layer_work(encoder_onnx: bytes, decoder_onnx: bytes) -> tuple[LayerWork, ...]:
    """The layers of both graphs that cost something, in the order they run, at any precision.

    Convolutions and linear layers have multiply-adds; activations, quantising and reshaping are taken as fused and
    free; anything else, such as a pixel shuffle, is a pass over memory.
    """
    return (*_layers("encoder", encoder_onnx), *_layers("decoder", decoder_onnx))


def _layers(part: str, content: bytes) -> list[LayerWork]:
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content), strict_mode=True, data_prop=True)
    graph = model.graph
    values = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    constants = set(values) | _constant_outputs(graph)
    for value in (*graph.value_info, *graph.input, *graph.output):
        values[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    return [_work(part, node, values.__getitem__, constants) for node in graph.node if node.op_type not in _FREE]


def _constant_outputs(graph: onnx.GraphProto) -> set[str]:
    # A quantised weight reaches its layer through a DequantizeLinear whose inputs are all constants.
    known = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in _FREE and known.issuperset(node.input):
            known.update(node.output)
    return known


def _work(
    part: str, node: onnx.NodeProto, shape_of: Callable[[str], tuple[int, ...]], constants: set[str]
) -> LayerWork:
    inputs = [name for name in node.input if name]
    output_values = sum(prod(shape_of(name)) for name in node.output)
    return LayerWork(
        name=f"{part}/{node.name}",
        operation=node.op_type,
        multiply_adds=output_values * _products_per_output(node, shape_of) if node.op_type in _WEIGHTED else 0,
        input_values=sum(prod(shape_of(name)) for name in inputs if name not in constants),
        weight_values=sum(prod(shape_of(name)) for name in inputs if name in constants),
        output_values=output_values,
    )


def _products_per_output(node: onnx.NodeProto, shape_of: Callable[[str], tuple[int, ...]]) -> int:
    if node.op_type == "Conv":  # weight (outputs, inputs / groups, kernel height, kernel width)
        return prod(shape_of(node.input[1])[1:])
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return shape_of(node.input[0])[0 if transposed else -1]
