"""Models and graphs of any size and batch, for timing alone: a layer's time does not depend on its weights."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from edge_nt.export.onnx_graph import Graphs, float_graphs, opset_of, typed
from edge_nt.export.recipe import read_export_recipe
from edge_nt.model.autoencoder import AutoEncoder


def untrained_model(height: int, width: int, seed: int) -> AutoEncoder:
    """A model with He-initialised weights, so that values neither grow nor fade from layer to layer.

    Faded values would be denormals, which processors multiply many times more slowly.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoEncoder(height, width)
        for layer in model.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return model.eval()


def untrained_graphs(model: AutoEncoder, height: int, width: int) -> Graphs:
    """The FP32 graphs of the model, as a bundle would hold them: static, with batch 1."""
    return float_graphs(model, height, width, read_export_recipe("fp32").opset)


def with_batch(graphs: Graphs, batch: int) -> Graphs:
    """The same graphs for a batch of another static size. Bundles stay at 1: a cart has one frame at a time."""
    return Graphs(_with_batch(graphs.encoder, batch), _with_batch(graphs.decoder, batch))


def _with_batch(model: onnx.ModelProto, batch: int) -> onnx.ModelProto:
    graph = onnx.GraphProto()
    graph.CopyFrom(model.graph)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for tensor in graph.initializer:
        if tensor.name in targets:
            sides = np.array([batch, *numpy_helper.to_array(tensor)[1:]], np.int64)
            tensor.CopyFrom(numpy_helper.from_array(sides, tensor.name))
    return typed(graph, opset_of(model))
