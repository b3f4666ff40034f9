"""Every graph that a recipe can give, at every kind of size, in front of the engines' own parsers."""

import platform
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from onnx import helper, numpy_helper

from edge_nt.export.fp16_graph import fp16_graphs
from edge_nt.export.int8_graph import int8_graphs
from edge_nt.export.lint import GraphRejectedError, lint
from edge_nt.export.onnx_graph import Graphs, float_graphs, graph_bytes
from edge_nt.export.ranges import Ranges, fit_ranges
from edge_nt.export.recipe import OPSETS, Int8Recipe
from edge_nt.export.tensorrt_rtx import check_with_tensorrt_rtx
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession

LAYERS = (
    *(f"encoder/{name}" for name in ("conv_1", "conv_2", "conv_3", "conv_4", "conv_5", "linear_1")),
    *(f"decoder/{name}" for name in ("linear_1", "conv_1", "conv_2", "conv_3", "conv_4")),
)
# The least side, wide, tall and large; every opset among them. Most of the time goes into torch's exporter.
SIZES = ((192, 192, 19), (192, 448, 20), (448, 192, 19), (384, 512, 18))
FLOAT_LAYERS = {
    "none": (),
    "last convolution": ("decoder/conv_4",),
    "bottleneck": ("encoder/linear_1", "decoder/linear_1"),
    "all but one": tuple(name for name in LAYERS if name != "decoder/conv_2"),
}
each_size = pytest.mark.parametrize(("height", "width", "opset"), SIZES)


@pytest.fixture(scope="module")
def forms(model, frames):
    """Graphs by precision, target and float layers of a size and opset; each size is exported once."""

    @cache
    def exact(height: int, width: int, opset: int) -> Graphs:
        return float_graphs(model(height, width), height, width, opset)

    @cache
    def ranges(height: int, width: int, opset: int) -> Ranges:
        return fit_ranges(exact(height, width, opset), frames(height, width)[:1])

    def make(height: int, width: int, opset: int, precision: str, target="tensorrt", float_layers=()) -> Graphs:
        graphs = exact(height, width, opset)
        if precision in ("fp32", "fp16"):
            return graphs if precision == "fp32" else fp16_graphs(graphs)
        recipe = Int8Recipe("minmax", 1, float_layers, precision.removeprefix("int8+"))
        return int8_graphs(graphs, ranges(height, width, opset), recipe, target)

    return make


def _precisions(opset: int) -> tuple[str, ...]:
    # Scales in FP16 begin with opset 19; the recipe refuses them below, as its own test shows.
    return ("fp32", "fp16", "int8+fp32", *(["int8+fp16"] if opset >= 19 else []))


def _contents(graphs: Graphs) -> dict[str, bytes]:
    return {name: graph_bytes(graph) for name, graph in vars(graphs).items()}


def _as_written(content: bytes, sample: np.ndarray) -> np.ndarray:
    """What the graph says, node by node in float, without any kernel for bytes."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: sample})[0]


def _relative_error(values: np.ndarray, reference: np.ndarray) -> float:
    return float(np.sqrt(np.mean((values - reference) ** 2)) / reference.std())


def _adds_bytes_exactly() -> bool:
    """Whether this processor adds products of bytes in 32 bits. Without VNNI, OpenVINO's linear layers lose some."""
    facts = Path("/proc/cpuinfo")
    return platform.machine() not in ("x86_64", "AMD64") or (facts.is_file() and "vnni" in facts.read_text())


def test_every_opset_of_a_recipe_is_among_the_sizes():
    assert {opset for _, _, opset in SIZES} == set(OPSETS)


@each_size
def test_tensorrt_parses_and_builds_every_precision(forms, height, width, opset):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is built for x86-64 only")
    for precision in _precisions(opset):
        made = forms(height, width, opset, precision)
        for graph in vars(made).values():
            assert lint(graph, "tensorrt") == (), precision
        check = check_with_tensorrt_rtx(_contents(made))
        assert check.not_checked is None
        assert set(check.plan_bytes) == {"encoder", "decoder"}


@pytest.mark.parametrize("float_layers", FLOAT_LAYERS.values(), ids=FLOAT_LAYERS)
@pytest.mark.parametrize("precision", ["int8+fp32", "int8+fp16"])
def test_tensorrt_builds_whatever_stays_in_float(forms, precision, float_layers):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is built for x86-64 only")
    made = forms(192, 192, 19, precision, "tensorrt", float_layers)
    quantised = sum(node.op_type == "QuantizeLinear" for graph in vars(made).values() for node in graph.graph.node)
    assert quantised == len(LAYERS) - len(float_layers)
    assert [lint(graph, "tensorrt") for graph in vars(made).values()] == [(), ()]
    assert len(check_with_tensorrt_rtx(_contents(made)).plan_bytes) == 2


@pytest.mark.parametrize(("height", "width", "opset"), SIZES[:3])
@pytest.mark.parametrize("float_layers", FLOAT_LAYERS.values(), ids=FLOAT_LAYERS)
def test_both_cpu_engines_run_the_cpu_form_alike_and_tensorrt_refuses_it(
    forms, frames, height, width, opset, float_layers
):
    made = forms(height, width, opset, "int8+fp32", "cpu", float_layers)
    contents = _contents(made)
    assert [lint(graph, "cpu", float_layers) for graph in vars(made).values()] == [(), ()]
    session = OnnxRuntimeSession(contents["encoder"], contents["decoder"])
    image = frames(height, width)[:1]
    latents = session.encode(image)
    core = openvino.Core()
    for name, sample, mine in (("encoder", image, latents), ("decoder", latents, session.decode(latents))):
        written = _as_written(contents[name], sample)
        # Rounded alike up to the order of sums: a few values fall on the other side of a step.
        assert _relative_error(mine, written) < 0.01
        if _adds_bytes_exactly() or f"{name}/linear_1" in float_layers:
            compiled = core.compile_model(core.read_model(contents[name], b""), "CPU")
            assert _relative_error(next(iter(compiled(sample).values())), written) < 0.02
    if float_layers != FLOAT_LAYERS["all but one"]:  # one layer alone lies in one of the graphs only
        pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is built for x86-64 only")
        for name, content in contents.items():
            with pytest.raises(GraphRejectedError, match=name):
                check_with_tensorrt_rtx({name: content})


def test_the_real_parser_refuses_a_quantised_int32_bias(forms):
    """The check can fail: one bias of a good graph, stored as a CPU wants it."""
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is built for x86-64 only")
    good = forms(192, 192, 19, "int8+fp32").encoder
    assert check_with_tensorrt_rtx({"encoder": graph_bytes(good)}).plan_bytes
    bad = onnx.ModelProto.FromString(graph_bytes(good))
    graph = bad.graph
    bias = next(tensor for tensor in graph.initializer if tensor.name == "conv_2.bias")
    steps = np.rint(numpy_helper.to_array(bias) / 1e-6).astype(np.int32)
    constants = {"steps": steps, "step": np.array(1e-6, np.float32), "zero": np.array(0, np.int32)}
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    layer = next(index for index, node in enumerate(graph.node) if node.name == "conv_2")
    graph.node[layer].input[2] = "bias"
    graph.node.insert(layer, helper.make_node("DequantizeLinear", list(constants), ["bias"], name="bias_pair"))
    with pytest.raises(GraphRejectedError) as refusal:
        check_with_tensorrt_rtx({"encoder": graph_bytes(bad)})
    assert "parser" in refusal.value.got


def test_a_transposed_convolution_is_refused(forms):
    good = forms(192, 192, 19, "int8+fp32").decoder
    bad = onnx.ModelProto.FromString(graph_bytes(good))
    node = next(node for node in bad.graph.node if node.name == "conv_3")
    node.op_type = "ConvTranspose"
    assert any("ConvTranspose" in violation for violation in lint(bad, "tensorrt"))
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is built for x86-64 only")
    with pytest.raises(GraphRejectedError):
        check_with_tensorrt_rtx({"decoder": graph_bytes(bad)})
