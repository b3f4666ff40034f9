"""What the lints look up in a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

WEIGHTED_OPS = ("Conv", "Gemm")
# What only moves or cuts values: integers pass through, so that a pair in front and one behind have the same grid.
PASSING_OPS = ("Relu", "Reshape", "DepthToSpace")
PAIR_OPS = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class GraphFacts:
    """The model with what every check looks up: constants by name, who makes a tensor, who takes it."""

    model: onnx.ModelProto
    constants: Mapping[str, TensorProto]
    maker: Mapping[str, onnx.NodeProto]
    takers: Mapping[str, tuple[onnx.NodeProto, ...]]

    @classmethod
    def of(cls, model: onnx.ModelProto) -> GraphFacts:
        """Look everything up once."""
        graph = model.graph
        takers: dict[str, tuple[onnx.NodeProto, ...]] = {}
        for node in graph.node:
            for name in node.input:
                takers[name] = (*takers.get(name, ()), node)
        constants = {tensor.name: tensor for tensor in graph.initializer}
        return cls(model, constants, {name: node for node in graph.node for name in node.output}, takers)


def array_of(facts: GraphFacts, name: str) -> NDArray[np.float32] | None:
    """The constant of this name; None where it is none."""
    tensor = facts.constants.get(name)
    return None if tensor is None else np.asarray(numpy_helper.to_array(tensor))


def attribute_of(node: onnx.NodeProto, name: str, default: int) -> int:
    """An integer attribute of a node."""
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)


def type_name(tensor: TensorProto) -> str:
    """The element type in small letters, such as uint8."""
    return str(TensorProto.DataType.Name(tensor.data_type)).lower()


def label(node: onnx.NodeProto) -> str:
    """How a message names a node."""
    return f"{node.op_type} {node.name}".strip()
