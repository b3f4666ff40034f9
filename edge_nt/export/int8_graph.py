"""The INT8 graphs: explicit quantise/dequantise pairs where the engine wants them, from one set of ranges.

TensorRT:  Q·DQ ─► convolution ─► [pixel shuffle] ─► ReLU ─► Q·DQ ─► …   int8, scales, biases and all between in FP16
CPU:       Q·DQ ─► convolution ─► Q·DQ ─► [pixel shuffle ─► Q·DQ] ─► …   uint8, biases in int32, FP32 between, no ReLU

Rounding to unsigned integers with zero-point 0 cuts off what is below 0, so on a CPU the pair is the ReLU.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edge_nt.bundle.manifest import FloatType, Target
from edge_nt.errors import InputError
from edge_nt.export.fp16_graph import fp16_graph
from edge_nt.export.graph_facts import PASSING_OPS, WEIGHTED_OPS
from edge_nt.export.grids import (
    Grid,
    least_scale_of,
    quantised_bias,
    quantised_weights,
    symmetric_grid,
    unsigned_grid,
)
from edge_nt.export.onnx_graph import Graphs, opset_of, typed
from edge_nt.export.ranges import Range, Ranges
from edge_nt.export.recipe import Int8Recipe


def int8_graphs(graphs: Graphs, ranges: Ranges, recipe: Int8Recipe, target: Target) -> Graphs:
    """Both float32 graphs in INT8, in the form of `target`: tensorrt or cpu.

    The float graphs may be those of a model that was fine-tuned; their tensors have the names that `ranges` has.
    Raises: InputError when the recipe names a float layer that the graphs do not have, or a layer gives only zeros or
    values that FP16 cannot step through.
    """
    check_float_layers(graphs, recipe)
    return Graphs(
        _int8_graph(graphs.encoder, ranges.encoder, recipe, target),
        _int8_graph(graphs.decoder, ranges.decoder, recipe, target),
    )


def layer_names(graphs: Graphs) -> tuple[str, ...]:
    """The layers that can be INT8 or float, as graph/layer, in the order they run."""
    return tuple(
        f"{model.graph.name}/{node.name}"
        for model in (graphs.encoder, graphs.decoder)
        for node in model.graph.node
        if node.op_type in WEIGHTED_OPS
    )


def check_float_layers(graphs: Graphs, recipe: Int8Recipe) -> None:
    """Raises: InputError when a float layer of the recipe is not a convolution or linear layer of the graphs."""
    known = layer_names(graphs)
    unknown = [name for name in recipe.float_layers if name not in known]
    if unknown:
        raise InputError(
            expected=f"int8.float_layers among {', '.join(known)}",
            got=", ".join(unknown),
            fix="correct the names in the export recipe",
        )


def _int8_graph(
    model: onnx.ModelProto, ranges: Mapping[str, Range], recipe: Int8Recipe, target: Target
) -> onnx.ModelProto:
    graph = model.graph
    layers = {
        node.name
        for node in graph.node
        if node.op_type in WEIGHTED_OPS and f"{graph.name}/{node.name}" not in recipe.float_layers
    }
    read = [node.input[0] for node in graph.node if node.name in layers]
    float_type = recipe.float_type(target)
    if target == "tensorrt":
        # A pair only where a layer reads: TensorRT fuses a convolution with its ReLU only when none stands between.
        grids = {name: symmetric_grid(ranges[name], float_type) for name in read}
    else:
        grids = {name: unsigned_grid(ranges[last]) for name, last in _kept_integer(graph, layers, read).items()}
    parts = _Parts(graph, grids, layers, float_type, integer_bias=target == "cpu")
    quantised = typed(parts.quantised(), opset_of(model))
    # Its scales are numbers of FP16 already, so that typing it so moves none of them away from its integers.
    return fp16_graph(quantised) if float_type == "fp16" else quantised


def _kept_integer(graph: onnx.GraphProto, layers: set[str], read: list[str]) -> dict[str, str]:
    """The tensors that stay integer on a CPU: what a layer reads, and all between a layer and the next one.

    Each comes with the tensor that its values end as, behind its ReLU, whose range it takes. What no layer follows, the
    latent and the pixels, is not rounded.
    """
    kept = set(read)
    for node in graph.node:
        if node.name in layers or (node.op_type in PASSING_OPS and node.input[0] in kept):
            kept.update(node.output)
    last = {node.input[0]: node.input[0] for node in graph.node if node.op_type in WEIGHTED_OPS}
    for node in reversed(graph.node):
        if node.op_type in PASSING_OPS and node.output[0] in last:
            last[node.input[0]] = last[node.output[0]]
    return {name: last[name] for name in kept if name in last}


@dataclass
class _Parts:
    """A float graph being taken apart and put together again with its pairs."""

    graph: onnx.GraphProto
    grids: Mapping[str, Grid]
    layers: set[str]
    float_type: FloatType
    integer_bias: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def quantised(self) -> onnx.GraphProto:
        """The graph with all its pairs."""
        graph = self.graph
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        now = {name: name for name in self.constants}
        now[graph.input[0].name] = self._pair(graph.input[0].name)
        for node in graph.node:
            if node.op_type == "Relu" and node.input[0] in self.grids:
                now[node.output[0]] = now[node.input[0]]
                continue
            copied = onnx.NodeProto()
            copied.CopyFrom(node)
            copied.input[:] = [now[name] for name in node.input]
            if node.name in self.layers:
                copied.input[1:] = self._layer_constants(node)
            self.nodes.append(copied)
            now[node.output[0]] = self._pair(node.output[0])
        used = {name for node in self.nodes for name in node.input}
        constants = [numpy_helper.from_array(array, name) for name, array in self.constants.items() if name in used]
        return helper.make_graph(self.nodes, graph.name, graph.input, graph.output, initializer=constants)

    def _pair(self, name: str) -> str:
        """The tensor to read in place of `name`: what its pair makes of it, where it has one."""
        if name not in self.grids:
            return name
        integers = f"{name}_quantized"
        grid = self._put_grid(name, self.grids[name])
        self.nodes.append(helper.make_node("QuantizeLinear", [name, *grid], [integers], name=f"{name}_QuantizeLinear"))
        return self._dequantised(name, integers, grid)

    def _layer_constants(self, node: onnx.NodeProto) -> Iterator[str]:
        _, weight, bias = node.input
        weights, biases = self.constants[weight], self.constants[bias]
        input_scale = self.grids[node.input[0]].scale
        least_scale = least_scale_of(biases, input_scale) if self.integer_bias else np.zeros_like(biases)
        integers, grid = quantised_weights(weights, least_scale, self.float_type)
        yield self._constant(weight, integers, grid)
        if not self.integer_bias:
            yield bias
            return
        yield self._constant(bias, *quantised_bias(biases, input_scale, grid.scale))

    def _constant(self, name: str, integers: NDArray[Any], grid: Grid) -> str:
        self.constants[f"{name}_quantized"] = integers
        return self._dequantised(name, f"{name}_quantized", self._put_grid(name, grid), axis=0)

    def _put_grid(self, name: str, grid: Grid) -> tuple[str, str]:
        names = f"{name}_scale", f"{name}_zero_point"
        self.constants.update(zip(names, (grid.scale, grid.zero_point), strict=True))
        return names

    def _dequantised(self, name: str, integers: str, grid: tuple[str, str], axis: int | None = None) -> str:
        output, label = f"{name}_dequantized", f"{name}_DequantizeLinear"
        self.nodes.append(helper.make_node("DequantizeLinear", [integers, *grid], [output], name=label, axis=axis))
        return output
