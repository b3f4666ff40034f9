"""The typed FP16 graph: weights and activations in half precision, float32 where the cart touches it."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_nt.errors import InputError
from edge_nt.export.onnx_graph import Graphs, opset_of, typed


def fp16_graphs(graphs: Graphs) -> Graphs:
    """Both float32 graphs in FP16. Raises: InputError when a weight does not fit into half precision."""
    return Graphs(fp16_graph(graphs.encoder), fp16_graph(graphs.decoder))


def fp16_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float32 graph, quantised or not → the same in FP16, with a cast behind its one input and before its one output.

    Raises: InputError when a weight does not fit into half precision.
    """
    graph = onnx.GraphProto()
    graph.CopyFrom(model.graph)
    source, target = graph.input[0].name, graph.output[0].name
    for node in graph.node:
        node.input[:] = [f"{name}.fp16" if name == source else name for name in node.input]
        node.output[:] = [f"{name}.fp16" if name == target else name for name in node.output]
    inward = helper.make_node("Cast", [source], [f"{source}.fp16"], name="cast_in", to=TensorProto.FLOAT16)
    outward = helper.make_node("Cast", [f"{target}.fp16"], [target], name="cast_out", to=TensorProto.FLOAT)
    nodes = [inward, *graph.node, outward]
    del graph.node[:]
    graph.node.extend(nodes)
    tensors = [_half(tensor) if tensor.data_type == TensorProto.FLOAT else tensor for tensor in graph.initializer]
    del graph.initializer[:]
    graph.initializer.extend(tensors)
    return typed(graph, opset_of(model))


def _half(tensor: TensorProto) -> TensorProto:
    values = numpy_helper.to_array(tensor)
    largest = float(np.abs(values).max(initial=0.0))
    if not largest <= float(np.finfo(np.float16).max):
        raise InputError(
            expected="weights within ±65504, the range of FP16",
            got=f"{largest:g} in {tensor.name}",
            fix="export fp32, or INT8 with tensorrt_float_type fp32, or train with more weight decay",
        )
    return numpy_helper.from_array(values.astype(np.float16), tensor.name)
