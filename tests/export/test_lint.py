from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_nt.errors import GateFailedError
from edge_nt.export.lint import GraphRejectedError, lint, refuse_violations
from edge_nt.export.onnx_graph import graph_bytes, typed


def _node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def _put(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), name))


def _insert(model: onnx.ModelProto, before: str, *nodes: onnx.NodeProto) -> None:
    position = [node.name for node in model.graph.node].index(before)
    for offset, node in enumerate(nodes):
        model.graph.node.insert(position + offset, node)


def _quantised_bias(model: onnx.ModelProto) -> None:
    _put(model, "conv_1.bias", lambda bias: np.rint(bias * 1000).astype(np.int32))
    model.graph.initializer.extend(
        [numpy_helper.from_array(np.float32(1e-3), "b.scale"), numpy_helper.from_array(np.int32(0), "b.zero")]
    )
    pair = helper.make_node("DequantizeLinear", ["conv_1.bias", "b.scale", "b.zero"], ["b.float"], name="bias_pair")
    _insert(model, "conv_1", pair)
    _node(model, "conv_1").input[2] = "b.float"


def _pair_before_relu(model: onnx.ModelProto) -> None:
    point = ["relu_1.output_scale", "relu_1.output_zero_point"]
    down = helper.make_node("QuantizeLinear", ["conv_1.output", *point], ["extra.int8"], name="extra_down")
    up = helper.make_node("DequantizeLinear", ["extra.int8", *point], ["extra.float"], name="extra_up")
    _insert(model, "relu_1", down, up)
    _node(model, "relu_1").input[0] = "extra.float"


def _transposed(model: onnx.ModelProto) -> None:
    weight = numpy_helper.from_array(np.zeros((32, 32, 1, 1), np.float32), "t.weight")
    model.graph.initializer.append(weight)
    _insert(model, "relu_1", helper.make_node("ConvTranspose", ["conv_1.output", "t.weight"], ["t.out"], name="up"))
    _node(model, "relu_1").input[0] = "t.out"


def _batch_norm(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(32, np.float32), "ones"))
    norm = helper.make_node("BatchNormalization", ["conv_1.output", *["ones"] * 4], ["n.out"], name="norm")
    _insert(model, "relu_1", norm)
    _node(model, "relu_1").input[0] = "n.out"


def _half_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def _symbolic_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"


def _float_weight_only(model: onnx.ModelProto) -> None:
    weight = numpy_helper.from_array(np.zeros((64, 32, 4, 4), np.float32), "plain.weight")
    model.graph.initializer.append(weight)
    _node(model, "conv_2").input[1] = "plain.weight"


def _no_zero_point(model: onnx.ModelProto) -> None:
    del _node(model, "frame_QuantizeLinear").input[2]


def _single_inside(model: onnx.ModelProto) -> None:
    up = helper.make_node("Cast", ["conv_1.output"], ["conv_1.cast"], name="up", to=TensorProto.FLOAT)
    down = helper.make_node("Cast", ["conv_1.cast"], ["conv_1.half"], name="down", to=TensorProto.FLOAT16)
    _insert(model, "relu_1", up, down)
    _node(model, "relu_1").input[0] = "conv_1.half"
    made = typed(model.graph, 19).graph.value_info
    del model.graph.value_info[:]
    model.graph.value_info.extend(made)


def _dangling(model: onnx.ModelProto) -> None:
    _node(model, "relu_2").input[0] = "nowhere"


def _foreign(model: onnx.ModelProto) -> None:
    _node(model, "relu_1").domain = "com.example"


BROKEN = {
    "zero-point other than 0": lambda m: _put(m, "frame_zero_point", lambda point: point + np.int8(3)),
    "frame_QuantizeLinear has a scale that is not above 0": lambda m: _put(m, "frame_scale", np.zeros_like),
    "conv_2.weight_DequantizeLinear has a scale": lambda m: _put(m, "conv_2.weight_scale", np.negative),
    "frame_DequantizeLinear has a scale": lambda m: _put(m, "frame_scale", lambda s: s * np.float32("nan")),
    "is uint8": lambda m: _put(m, "frame_zero_point", lambda _: np.array(0, np.uint8)),
    "reads uint8 constants": lambda m: _put(m, "conv_2.weight_quantized", lambda w: w.astype(np.uint8)),
    "frame_QuantizeLinear has a scale below FP16's smallest": lambda m: _put(
        m, "frame_scale", lambda s: np.full_like(s, 1e-6)
    ),
    "conv_1.cast is float32 inside": _single_inside,
    "reads int32 constants": _quantised_bias,
    "Conv conv_1 has a quantised bias": _quantised_bias,
    "no constant zero-point": _no_zero_point,
    "2 scales for one activation": lambda m: _put(m, "frame_scale", lambda s: np.array([s, s])),
    "Conv conv_2 has weight scales ()": lambda m: _put(m, "conv_2.weight_scale", lambda s: s.max()),
    "Gemm linear_1 has weight scales (1,)": lambda m: _put(m, "linear_1.weight_scale", lambda s: s[:1]),
    "Conv conv_2 is quantised on one": _float_weight_only,
    "Relu relu_1 has a quantise/dequantise pair before it": _pair_before_relu,
    "ConvTranspose up": _transposed,
    "BatchNormalization norm": _batch_norm,
    "frame has no static shape": _symbolic_batch,
    "no inferred shape": lambda m: m.graph.ClearField("value_info"),
    "latent is not float32": _half_output,
    "conv_1.bias is float64": lambda m: _put(m, "conv_1.bias", lambda bias: bias.astype(np.float64)),
    "opset 21": lambda m: setattr(m.opset_import[0], "version", 21),
    "not valid ONNX": _dangling,
    "foreign operator set com.example": _foreign,
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_broken_graph_is_caught(graphs, said):
    model = onnx.ModelProto.FromString(graph_bytes(graphs("int8", 192, 256).encoder))
    BROKEN[said](model)
    found = lint(model, "tensorrt")
    assert any(said in violation for violation in found), found


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize(("height", "width"), [(192, 256), (256, 320)])
def test_what_is_exported_is_clean(graphs, precision, height, width):
    made = graphs(precision, height, width)
    assert lint(made.encoder, "any") == ()
    assert lint(made.decoder, "any") == ()
    refuse_violations(made.encoder, "any")


def test_all_violations_are_told_at_once(graphs):
    model = onnx.ModelProto.FromString(graph_bytes(graphs("int8", 192, 256).encoder))
    _symbolic_batch(model)
    _batch_norm(model)
    with pytest.raises(GraphRejectedError) as refusal:
        refuse_violations(model, "tensorrt")
    assert "frame has no static shape" in refusal.value.got
    assert "BatchNormalization norm" in refusal.value.got
    assert isinstance(refusal.value, GateFailedError)
    assert refusal.value.exit_code == 1
