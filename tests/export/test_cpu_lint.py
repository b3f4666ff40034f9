from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edge_nt.export.lint import GraphRejectedError, lint, refuse_violations
from edge_nt.export.onnx_graph import graph_bytes

FLOAT = ("decoder/conv_4",)


def _node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def _put(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(change(numpy_helper.to_array(tensor))), name))


def _float_layer(model: onnx.ModelProto) -> None:
    weight = numpy_helper.from_array(np.zeros((384, 192, 3, 3), np.float32), "plain.weight")
    model.graph.initializer.append(weight)
    _node(model, "conv_2").input[1] = "plain.weight"


def _float_bias(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(384, np.float32), "plain.bias"))
    _node(model, "conv_2").input[2] = "plain.bias"


def _no_pair_behind(model: onnx.ModelProto) -> None:
    _node(model, "pixel_shuffle_2").input[0] = "conv_2.output"


def _relu_before_the_pair(model: onnx.ModelProto) -> None:
    position = [node.name for node in model.graph.node].index("conv_2.output_QuantizeLinear")
    model.graph.node.insert(position, helper.make_node("Relu", ["conv_2.output"], ["cut"], name="relu"))
    _node(model, "conv_2.output_QuantizeLinear").input[0] = "cut"


BROKEN = {
    "conv_2.output_QuantizeLinear is int8": lambda m: _put(
        m, "conv_2.output_zero_point", lambda point: point.astype(np.int8)
    ),
    "has a scale that is not above 0": lambda m: _put(m, "conv_2.output_scale", np.zeros_like),
    "2 scales for one activation": lambda m: _put(m, "conv_2.output_scale", lambda s: np.array([s, s])),
    "no constant zero-point": lambda m: _node(m, "latent_QuantizeLinear").input.pop(),
    "zero-point other than 0 for constants": lambda m: _put(m, "conv_2.weight_zero_point", lambda p: p + np.int8(1)),
    "int16 and int32 constants": lambda m: _put(m, "conv_2.weight_quantized", lambda w: w.astype(np.int16)),
    "Conv conv_2 has weight scales ()": lambda m: _put(m, "conv_2.weight_scale", lambda s: s.max()),
    "Conv conv_2 has a bias scale that is not": lambda m: _put(m, "conv_2.bias_scale", lambda s: 2 * s),
    "Conv conv_2 is in float": _float_layer,
    "Conv conv_2 is in float and no float layer": _float_bias,
    "Conv conv_2 has no quantise/dequantise pair right behind it": _no_pair_behind,
    "conv_2 has no quantise/dequantise pair right behind": _relu_before_the_pair,
    "DepthToSpace pixel_shuffle_2 leaves the grid": lambda m: _put(m, "pixel_shuffle_2.output_scale", lambda s: 2 * s),
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_broken_graph_is_caught(graphs, said):
    model = onnx.ModelProto.FromString(graph_bytes(graphs("int8", 192, 256, "cpu").decoder))
    BROKEN[said](model)
    found = lint(model, "cpu", FLOAT)
    assert any(said in violation for violation in found), found


@pytest.mark.parametrize(("height", "width"), [(192, 256), (256, 320)])
def test_what_is_exported_is_clean(graphs, height, width):
    made = graphs("int8", height, width, "cpu")
    assert lint(made.encoder, "cpu", FLOAT) == ()
    assert lint(made.decoder, "cpu", FLOAT) == ()


def test_a_float_layer_counts_only_where_the_recipe_names_it(graphs):
    with pytest.raises(GraphRejectedError, match="Conv conv_4 is in float") as refusal:
        refuse_violations(graphs("int8", 192, 256, "cpu").decoder, "cpu")
    assert "CPU engines" in refusal.value.expected


def test_each_form_is_refused_as_the_other(graphs):
    assert lint(graphs("int8", 192, 256, "cpu").encoder, "tensorrt")
    assert lint(graphs("int8", 192, 256, "tensorrt").encoder, "cpu")
