"""The float32 ONNX graphs of encoder and decoder: static, BatchNorm folded, nothing in them but the mathematics."""

from __future__ import annotations

import copy
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from edge_nt.export.graph_facts import WEIGHTED_OPS
from edge_nt.model.autoencoder import AutoEncoder

_LAYER_NAMES = {"Gemm": "linear", "DepthToSpace": "pixel_shuffle"}


@dataclass(frozen=True)
class Graphs:
    """Encoder ``frame`` → ``latent`` and decoder ``latent`` → ``reconstruction`` at one precision, float32 outside."""

    encoder: onnx.ModelProto
    decoder: onnx.ModelProto


def float_graphs(model: AutoEncoder, height: int, width: int, opset: int) -> Graphs:
    """Export `model` for frames (1, 1, height, width); the same weights give the same bytes on every machine.

    Layers are named ``conv_1``, ``linear_1``, … in the order they run.
    """
    frame = torch.zeros(1, 1, height, width)
    encoder = fold_batch_norm(model.encoder)
    with torch.no_grad():
        latent = encoder(frame)
    return Graphs(
        _export(encoder, frame, "encoder", ("frame", "latent"), opset),
        _export(fold_batch_norm(model.decoder), latent, "decoder", ("latent", "reconstruction"), opset),
    )


def fold_batch_norm(layers: nn.Sequential) -> nn.Sequential:
    """A copy in evaluation mode whose convolutions have taken up the BatchNorm behind them."""
    folded: list[nn.Module] = []
    for layer in layers.children():
        before = folded[-1] if folded else None
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            folded[-1] = fuse_conv_bn_eval(before, copy.deepcopy(layer).eval())
        else:
            folded.append(copy.deepcopy(layer).eval())
    return nn.Sequential(*folded).cpu().eval()


def graph_bytes(model: onnx.ModelProto) -> bytes:
    """The file content of a graph; equal graphs give equal bytes."""
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def typed(graph: onnx.GraphProto, opset: int) -> onnx.ModelProto:
    """A model around `graph` with every intermediate type and shape inferred anew and no origin metadata."""
    imports = [onnx.helper.make_opsetid("", opset)]
    version = onnx.helper.find_min_ir_version_for(imports)
    del graph.value_info[:]
    model = onnx.helper.make_model(graph, opset_imports=imports, ir_version=version, producer_name="edge-nt")
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard operator set that the model uses."""
    versions: list[int] = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    return versions[0]


def _export(
    layers: nn.Sequential, example: torch.Tensor, name: str, ends: tuple[str, str], opset: int
) -> onnx.ModelProto:
    with _quiet_exporter():
        program = torch.onnx.export(
            layers,
            (example,),
            dynamo=True,
            opset_version=opset,
            verbose=False,
            input_names=[ends[0]],
            output_names=[ends[1]],
        )
    if program is None:  # torch types it so for its older exporter, which writes a file
        raise RuntimeError("torch.onnx.export returned no program")
    return typed(_plain(program.model_proto.graph, name, ends), opset)


def _plain(source: onnx.GraphProto, name: str, ends: tuple[str, str]) -> onnx.GraphProto:
    """The graph without stack traces and machine paths, its layers and tensors renamed after what they are."""
    renamed = {end: end for end in ends}
    counts: Counter[str] = Counter()
    nodes = []
    for old in source.node:
        kind = _LAYER_NAMES.get(old.op_type, old.op_type.lower())
        counts[kind] += 1
        layer = f"{kind}_{counts[kind]}"
        roles = ("input", "shape") if old.op_type == "Reshape" else ("input", "weight", "bias")
        for role, tensor in zip(roles, old.input, strict=False):
            renamed.setdefault(tensor, f"{layer}.{role}")
        for tensor in old.output:
            renamed.setdefault(tensor, f"{layer}.output")
        nodes.append(_renamed_node(old, layer, renamed))
    initializers = [
        _renamed_tensor(tensor, renamed[tensor.name]) for tensor in source.initializer if tensor.name in renamed
    ]
    biases = _zero_biases(nodes, {tensor.name: tensor.dims[0] for tensor in initializers if tensor.dims})
    edges = [onnx.helper.make_tensor_value_info(v.name, 1, _dims(v)) for v in (*source.input, *source.output)]
    return onnx.helper.make_graph(nodes, name, edges[:1], edges[1:], initializer=[*initializers, *biases])


def _zero_biases(nodes: list[onnx.NodeProto], channels: Mapping[str, int]) -> list[onnx.TensorProto]:
    """Biases for the layers that came without: torch's exporter drops those that are all 0."""
    biases = []
    for node in nodes:
        if node.op_type in WEIGHTED_OPS and len(node.input) == 2:
            name = f"{node.name}.bias"
            biases.append(onnx.numpy_helper.from_array(np.zeros(channels[node.input[1]], np.float32), name))
            node.input.append(name)
    return biases


def _renamed_node(old: onnx.NodeProto, layer: str, renamed: dict[str, str]) -> onnx.NodeProto:
    node = onnx.NodeProto(op_type=old.op_type, name=layer)
    node.input.extend(renamed[tensor] for tensor in old.input)
    node.output.extend(renamed[tensor] for tensor in old.output)
    # Our shapes hold no zero, so that allowzero only invites a parser to balk.
    node.attribute.extend(attribute for attribute in old.attribute if attribute.name != "allowzero")
    return node


def _renamed_tensor(old: onnx.TensorProto, name: str) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(old), name)


def _dims(value: onnx.ValueInfoProto) -> list[int]:
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """torch's exporter tells users of its own installation and deprecations; none of it is theirs to act on."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
