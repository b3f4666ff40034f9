import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from edge_nt.export.fake_quant import FakeQuantGraph, trained_graph
from edge_nt.export.int8_graph import int8_graphs
from edge_nt.export.onnx_graph import Graphs, graph_bytes
from edge_nt.export.recipe import Int8Recipe

SIZE = (192, 256)
# (target, type of floats) → the share of integers that may be one step off, and the relative RMS error of what a layer
# gives, from the same input. Sums in another order move a value by some 1e-7 of it, so that one in some 1e4 rounds to
# the next step. FP16 keeps 11 bits of each weight and value between two roundings, and onnxruntime may add in FP16,
# neither of which the module repeats.
TOLERANCES = {
    ("tensorrt", "fp32"): (1e-3, 1e-5),
    ("cpu", "fp32"): (1e-3, 1e-5),
    ("tensorrt", "fp16"): (1e-2, 2e-3),
}
FORMS = pytest.mark.parametrize(("target", "float_type"), TOLERANCES)


def _rounded(graphs, ranges, target: str, float_type: str, float_layers: tuple[str, ...] = ()) -> Graphs:
    recipe = Int8Recipe("minmax", 4, float_layers, float_type)
    return int8_graphs(graphs("fp32", *SIZE), ranges(*SIZE), recipe, target)


def _opened(model: onnx.ModelProto, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor that onnxruntime computes node by node, none of them fused."""
    copy = onnx.ModelProto.FromString(graph_bytes(model))
    known = {value.name: value for value in (*copy.graph.value_info, *copy.graph.output)}
    names = [name for node in copy.graph.node for name in node.output]
    del copy.graph.output[:]
    copy.graph.output.extend(known[name] for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph_bytes(copy), options, providers=["CPUExecutionProvider"])
    each = [session.run(names, {copy.graph.input[0].name: sample[None]}) for sample in samples]
    return {name: np.concatenate(parts) for name, parts in zip(names, zip(*each, strict=True), strict=True)}


def _steps(model: onnx.ModelProto) -> dict[str, float]:
    """The step of every activation that is rounded, by the name of what its pair gives."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = {node.output[0]: node for node in model.graph.node if node.op_type == "DequantizeLinear"}
    return {name: float(constants[node.input[1]]) for name, node in nodes.items() if node.input[0] not in constants}


@FORMS
def test_every_tensor_is_the_exported_graphs(graphs, ranges, frames, target, float_type):
    share, error = TOLERANCES[target, float_type]
    exact, rounded = graphs("fp32", *SIZE), _rounded(graphs, ranges, target, float_type, ("decoder/conv_4",))
    samples, compared = frames(*SIZE), 0
    for name in ("encoder", "decoder"):
        model = getattr(rounded, name)
        module = FakeQuantGraph(getattr(exact, name), model)
        theirs, steps = _opened(model, samples), _steps(model)
        # Every layer starts from what onnxruntime gave it: how sums are ordered differs between processors, and this
        # network of random weights would enlarge that from layer to layer.
        floats = {key: torch.from_numpy(value).float() for key, value in theirs.items() if value.dtype.kind == "f"}
        with torch.no_grad():
            found = module.activations(torch.from_numpy(samples), floats)
        mine = {key: value.numpy() for key, value in found.items()}
        for key, value in theirs.items():
            if key in steps:
                off = np.abs(mine[key] - value.astype(np.float32)) / steps[key]
                assert off.max() < 1.01, key
                assert np.mean(off > 0.5) <= share, key
                compared += 1
            elif key in mine and value.dtype in (np.float32, np.float16):
                wrong = np.sqrt(np.mean((mine[key] - value.astype(np.float32)) ** 2))
                assert wrong <= error * np.sqrt(np.mean(value.astype(np.float64) ** 2)), key
                compared += 1
        samples = theirs[model.graph.output[0].name]
    assert compared >= 30


def test_without_pairs_it_is_the_float_model(graphs, model, frames):
    exact, images = graphs("fp32", *SIZE), torch.from_numpy(frames(*SIZE))
    parts = [FakeQuantGraph(part, part) for part in (exact.encoder, exact.decoder)]
    with torch.no_grad():
        latents = parts[0](images)
        torch.testing.assert_close(latents, model(*SIZE).encode(images), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(parts[1](latents), model(*SIZE).decode(latents), rtol=1e-3, atol=1e-4)


@FORMS
def test_rounded_weights_are_those_that_are_shipped(graphs, ranges, target, float_type):
    """Trained weights, exported, are the integers that training saw: to the bit."""
    exact = graphs("fp32", *SIZE).encoder
    module = FakeQuantGraph(exact, _rounded(graphs, ranges, target, float_type).encoder)
    with torch.no_grad():
        for parameter in module.constants.values():
            parameter.mul_(1.1).add_(1e-3)
    moved = Graphs(trained_graph(exact, module), graphs("fp32", *SIZE).decoder)
    recipe = Int8Recipe("minmax", 4, (), float_type)
    shipped = int8_graphs(moved, ranges(*SIZE), recipe, target).encoder
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in shipped.graph.initializer}
    for node in (node for node in exact.graph.node if node.op_type in ("Conv", "Gemm")):
        for name, seen in zip(node.input[1:], module.constants_of(node.name), strict=True):
            if f"{name}_quantized" in constants:
                stored, scale = constants[f"{name}_quantized"], constants[f"{name}_scale"].astype(np.float64)
                value = stored * scale.reshape(-1, *[1] * (stored.ndim - 1))
                np.testing.assert_array_equal(seen.detach().numpy(), value.astype(np.float32))


@FORMS
def test_gradients_pass_the_roundings(graphs, ranges, frames, target, float_type):
    rounded = _rounded(graphs, ranges, target, float_type)
    exact, images = graphs("fp32", *SIZE), torch.from_numpy(frames(*SIZE)[:1])
    straight, float_ = FakeQuantGraph(exact.encoder, rounded.encoder), FakeQuantGraph(exact.encoder, exact.encoder)
    for module in (straight, float_):
        module(images).square().mean().backward()
    for name, parameter in straight.constants.items():
        other = float_.constants[name].grad
        cosine = torch.nn.functional.cosine_similarity(parameter.grad.flatten(), other.flatten(), dim=0)
        assert cosine > 0.8, name


def test_what_lies_beyond_a_range_is_cut_off_and_has_no_gradient(graphs, ranges):
    rounded = _rounded(graphs, ranges, "tensorrt", "fp32").decoder
    module = FakeQuantGraph(graphs("fp32", *SIZE).decoder, rounded)
    latent = ranges(*SIZE).decoder["latent"]
    limit = max(-latent.low, latent.high)
    latents = torch.zeros(1, 128)
    latents[0, :2] = torch.tensor([2 * limit, 0.5 * limit])
    latents.requires_grad_()
    seen = module.activations(latents)["latent_dequantized"]
    assert float(seen[0, 0].detach()) == pytest.approx(limit, rel=1e-3)
    seen.sum().backward()
    assert latents.grad[0, :2].tolist() == [0.0, 1.0]
