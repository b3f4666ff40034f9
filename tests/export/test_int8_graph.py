import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

from edge_nt.errors import InputError
from edge_nt.export.int8_graph import int8_graphs
from edge_nt.export.lint import lint
from edge_nt.export.onnx_graph import Graphs, graph_bytes, typed
from edge_nt.export.ranges import Range, fit_ranges
from edge_nt.export.recipe import Int8Recipe
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession

ALL_INT8 = Int8Recipe("minmax", 6, ())


def _constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _session(graphs) -> OnnxRuntimeSession:
    return OnnxRuntimeSession(graph_bytes(graphs.encoder), graph_bytes(graphs.decoder))


def test_weights_are_rounded_to_the_nearest_step_of_their_channel(graphs):
    exact, rounded = (_constants(graphs(precision, 192, 256).encoder) for precision in ("fp32", "int8"))
    for layer in ("conv_1", "conv_5", "linear_1"):
        weights, steps = exact[f"{layer}.weight"], rounded[f"{layer}.weight_scale"]
        stored = rounded[f"{layer}.weight_quantized"]
        assert stored.dtype == np.int8
        shape = (-1, *[1] * (weights.ndim - 1))
        assert steps.dtype == np.float16
        steps = steps.astype(np.float32)
        np.testing.assert_allclose(steps, np.abs(weights).reshape(len(weights), -1).max(1) / 127, rtol=1e-3)
        assert (np.abs(stored * steps.reshape(shape) - weights) <= 0.501 * steps.reshape(shape)).all()


def _activation_scales(model: onnx.ModelProto) -> dict[str, float]:
    scales = {name: array for name, array in _constants(model).items() if name.endswith("_scale") and not array.shape}
    return {name.removesuffix("_scale"): float(scale) for name, scale in scales.items()}


@pytest.mark.parametrize("graph", ["encoder", "decoder"])
def test_both_targets_round_in_steps_of_the_same_ranges(graphs, ranges, graph):
    fitted = getattr(ranges(192, 256), graph)
    signed, unsigned = (
        _activation_scales(getattr(graphs("int8", 192, 256, target), graph)) for target in ("tensorrt", "cpu")
    )
    assert len(signed) == (6 if graph == "encoder" else 4)
    for name, scale in signed.items():
        span = fitted[name]
        assert scale == pytest.approx(max(-span.low, span.high) / 127, rel=1e-3)  # as FP16 has it
        # On a CPU the pair of what a ReLU gives stands where the layer before it writes.
        own = name if name in unsigned else _written_by_the_layer(graphs("fp32", 192, 256), graph, name)
        assert unsigned[own] == pytest.approx((max(span.high, 0) - min(span.low, 0)) / 255, rel=1e-6)


def _written_by_the_layer(graphs: Graphs, graph: str, name: str) -> str:
    maker = {output: node for node in getattr(graphs, graph).graph.node for output in node.output}
    while maker[name].op_type not in {"Conv", "Gemm"}:
        name = maker[name].input[0]
    return name


def test_unsigned_zero_points_make_zero_exact_and_pixels_whole_numbers(graphs, ranges):
    encoder, decoder = (_constants(model) for model in vars(graphs("int8", 192, 256, "cpu")).values())
    assert encoder["frame_scale"] == np.float32(1 / 255)
    latent = ranges(192, 256).decoder["latent"]
    assert decoder["latent_zero_point"] == round(-latent.low / ((latent.high - latent.low) / 255))
    points = {name: array for name, array in {**encoder, **decoder}.items() if name.endswith("_zero_point")}
    activations = {name: int(array) for name, array in points.items() if not array.shape}
    assert {name for name, point in activations.items() if point} == {"latent_zero_point"}
    assert {array.dtype for name, array in points.items() if name in activations} == {np.dtype(np.uint8)}


def test_biases_are_rounded_to_steps_of_the_accumulator(graphs):
    exact, rounded = (_constants(each.encoder) for each in (graphs("fp32", 192, 256), graphs("int8", 192, 256, "cpu")))
    steps = rounded["frame_scale"] * rounded["conv_1.weight_scale"]
    np.testing.assert_allclose(rounded["conv_1.bias_scale"], steps, rtol=1e-6)
    assert rounded["conv_1.bias_quantized"].dtype == np.int32
    assert (np.abs(rounded["conv_1.bias_quantized"] * steps - exact["conv_1.bias"]) <= 0.501 * steps).all()


def test_a_channel_of_tiny_weights_keeps_its_bias(graphs, ranges):
    made = graphs("fp32", 192, 256)
    encoder = onnx.ModelProto.FromString(graph_bytes(made.encoder))
    weight = next(tensor for tensor in encoder.graph.initializer if tensor.name == "conv_2.weight")
    values = numpy_helper.to_array(weight).copy()
    values[3], values[4] = 0, 1e-12
    weight.CopyFrom(numpy_helper.from_array(values, "conv_2.weight"))
    shipped = _constants(int8_graphs(Graphs(encoder, made.decoder), ranges(192, 256), ALL_INT8, "cpu").encoder)
    bias = shipped["conv_2.bias_quantized"] * shipped["conv_2.bias_scale"].astype(np.float64)
    np.testing.assert_allclose(bias[3:5], _constants(encoder)["conv_2.bias"][3:5], rtol=1e-4)


def _optimised(model: onnx.ModelProto, folder: Path) -> Counter[str]:
    """The kernels that onnxruntime makes of a graph, before it picks layouts for this one processor."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(graph_bytes(model), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node)


def test_onnxruntime_runs_every_quantised_layer_of_the_cpu_form_in_integers(graphs, tmp_path):
    made = graphs("int8", 192, 256, "cpu")
    encoder, decoder = _optimised(made.encoder, tmp_path), _optimised(made.decoder, tmp_path)
    assert encoder == {"QuantizeLinear": 1, "QLinearConv": 5, "Reshape": 1, "QGemm": 1}
    # One DequantizeLinear in front of the last convolution, which stays in float; no ReLU is left at all.
    integer = {"QuantizeLinear": 1, "QGemm": 1, "Reshape": 1, "QLinearConv": 3, "DepthToSpace": 4}
    assert decoder == {**integer, "DequantizeLinear": 1, "Conv": 1, "Sigmoid": 1}
    assert "QLinearConv" not in _optimised(graphs("int8", 192, 256, "tensorrt").decoder, tmp_path)


def test_pixels_are_never_rounded_even_when_every_layer_is_quantised(graphs, ranges):
    made = int8_graphs(graphs("fp32", 192, 256), ranges(192, 256), ALL_INT8, "cpu")
    makers = {output: node.op_type for node in made.decoder.graph.node for output in node.output}
    by_name = {node.name: node for node in made.decoder.graph.node}
    assert makers[by_name["pixel_shuffle_4"].input[0]] == "Conv"
    assert lint(made.decoder, "cpu") == ()


def test_a_relu_behind_a_float_layer_stays(graphs, ranges, frames):
    recipe = Int8Recipe("minmax", 6, ("encoder/conv_2", "encoder/conv_3"))
    made = int8_graphs(graphs("fp32", 192, 256), ranges(192, 256), recipe, "cpu")
    assert [node.name for node in made.encoder.graph.node if node.op_type == "Relu"] == ["relu_2", "relu_3"]
    exact, close = (_session(each).encode(frames(192, 256)) for each in (graphs("fp32", 192, 256), made))
    assert 0 < np.sqrt(np.mean((exact - close) ** 2)) < 0.1 * exact.std()


def test_a_layer_that_gives_only_zeros_is_refused(graphs, ranges):
    fitted = ranges(192, 256)
    dead = dataclasses.replace(fitted, encoder={**fitted.encoder, "relu_2.output": Range(0.0, 0.0)})
    for target in ("tensorrt", "cpu"):
        with pytest.raises(InputError, match="activations are all 0"):
            int8_graphs(graphs("fp32", 192, 256), dead, ALL_INT8, target)


@pytest.mark.parametrize("target", ["tensorrt", "cpu"])
def test_int8_stays_close_and_the_float_last_layer_brings_it_closer(graphs, ranges, frames, target):
    images = frames(192, 256)
    exact = _session(graphs("fp32", 192, 256))
    latents = exact.encode(images)
    expected = exact.decode(latents)
    shipped = _session(graphs("int8", 192, 256, target))
    everything = _session(int8_graphs(graphs("fp32", 192, 256), ranges(192, 256), ALL_INT8, target))
    latent_error = np.sqrt(np.mean((shipped.encode(images) - latents) ** 2)) / latents.std()
    assert 0 < latent_error < 0.15
    error, worse = (
        np.sqrt(np.mean((s.decode(latents) - expected) ** 2)) / expected.std() for s in (shipped, everything)
    )
    assert 0 < error < 0.1
    assert error < worse


def test_biases_and_the_named_layer_stay_float(graphs):
    made = graphs("int8", 192, 256)
    makers = {output: node.op_type for node in made.decoder.graph.node for output in node.output}
    by_name = {node.name: node for node in made.decoder.graph.node}
    assert [makers.get(name) for name in by_name["conv_4"].input] == ["Relu", None, None]
    assert [makers.get(name) for name in by_name["conv_3"].input] == ["DequantizeLinear", "DequantizeLinear", None]


def _biases(model: onnx.ModelProto) -> list[str]:
    return [node.input[2] for node in model.graph.node if node.op_type in {"Conv", "Gemm"}]


def test_all_floats_between_the_edges_of_tensorrts_graphs_are_half(graphs):
    for model in vars(graphs("int8", 192, 256)).values():
        kinds = {value.type.tensor_type.elem_type for value in model.graph.value_info}
        assert kinds == {TensorProto.FLOAT16, TensorProto.INT8}
        constants = _constants(model)
        assert {str(array.dtype) for array in constants.values()} <= {"float16", "int8", "int64"}
        assert {constants[name].dtype for name in _biases(model)} == {np.dtype(np.float16)}
        edges = (*model.graph.input, *model.graph.output)
        assert {value.type.tensor_type.elem_type for value in edges} == {TensorProto.FLOAT}


def _in_single_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same integers and scales with every float computed in float32: what FP16's own roundings are held against."""
    single = onnx.ModelProto.FromString(graph_bytes(model))
    for tensor in single.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for node in single.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to":
                attribute.i = TensorProto.FLOAT
    return typed(single.graph, 19)


def test_half_precision_between_the_integers_costs_little_of_what_int8_costs(graphs, frames):
    made = graphs("int8", 192, 256)
    single = Graphs(_in_single_precision(made.encoder), _in_single_precision(made.decoder))
    exact, half, full = (_session(each).encode(frames(192, 256)) for each in (graphs("fp32", 192, 256), made, single))
    # Where a value lies between two steps the two differ by a whole one, so only the size of their errors is alike.
    assert 0.8 < np.linalg.norm(half - exact) / np.linalg.norm(full - exact) < 1.25


@pytest.mark.parametrize("span", [1e-3, 1e9])
def test_steps_that_half_precision_does_not_have_are_refused_and_single_precision_takes_them(graphs, ranges, span):
    fitted = ranges(192, 256)
    odd = dataclasses.replace(fitted, encoder={**fitted.encoder, "relu_2.output": Range(0.0, span)})
    with pytest.raises(InputError, match="tensorrt_float_type") as refusal:
        int8_graphs(graphs("fp32", 192, 256), odd, ALL_INT8, "tensorrt")
    assert f"{span / 127:.3g}" in refusal.value.got
    single = dataclasses.replace(ALL_INT8, tensorrt_float_type="fp32")
    assert lint(int8_graphs(graphs("fp32", 192, 256), odd, single, "tensorrt").encoder, "tensorrt") == ()


def test_a_channel_of_tiny_weights_gets_a_step_that_half_precision_has(graphs, ranges):
    made = graphs("fp32", 192, 256)
    encoder = onnx.ModelProto.FromString(graph_bytes(made.encoder))
    weight = next(tensor for tensor in encoder.graph.initializer if tensor.name == "conv_2.weight")
    values = numpy_helper.to_array(weight).copy()
    values[3] *= 1e-5
    weight.CopyFrom(numpy_helper.from_array(values, "conv_2.weight"))
    rounded = int8_graphs(Graphs(encoder, made.decoder), ranges(192, 256), ALL_INT8, "tensorrt").encoder
    stored = _constants(rounded)
    step = float(stored["conv_2.weight_scale"][3])
    assert step == np.finfo(np.float16).smallest_normal
    assert (np.abs(stored["conv_2.weight_quantized"][3] * step - values[3]) <= step / 2).all()
    assert lint(rounded, "tensorrt") == ()


@pytest.mark.parametrize("target", ["tensorrt", "cpu"])
def test_quantising_again_gives_the_same_bytes(graphs, frames, target):
    recipe = Int8Recipe("minmax", 6, ("decoder/conv_4",))
    exact = graphs("fp32", 192, 256)
    again = int8_graphs(exact, fit_ranges(exact, frames(192, 256)), recipe, target)
    for before, after in zip(vars(graphs("int8", 192, 256, target)).values(), vars(again).values(), strict=True):
        assert graph_bytes(before) == graph_bytes(after)


@pytest.mark.parametrize("name", ["decoder/conv_9", "conv_4", "decoder/relu_1"])
def test_a_float_layer_that_is_not_there_is_refused(graphs, ranges, name):
    with pytest.raises(InputError, match=name) as refusal:
        int8_graphs(graphs("fp32", 192, 256), ranges(192, 256), Int8Recipe("minmax", 6, (name,)), "cpu")
    assert "decoder/conv_4" in refusal.value.expected
