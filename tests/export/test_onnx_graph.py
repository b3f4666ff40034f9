import copy

import numpy as np
import onnx
import pytest
import torch

from edge_nt.export.onnx_graph import float_graphs, fold_batch_norm, graph_bytes
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession


@pytest.mark.parametrize(("height", "width"), [(192, 256), (256, 320)])
def test_the_float_graphs_compute_what_torch_computes(model, graphs, frames, height, width):
    made, images = graphs("fp32", height, width), frames(height, width)
    session = OnnxRuntimeSession(graph_bytes(made.encoder), graph_bytes(made.decoder))
    latents = session.encode(images)
    with torch.no_grad():
        expected = model(height, width).encode(torch.from_numpy(images))
        reconstructions = model(height, width).decode(expected).numpy()
    scale = float(expected.abs().max())
    assert np.abs(latents - expected.numpy()).max() <= 1e-5 * scale
    assert np.abs(session.decode(expected.numpy()) - reconstructions).max() <= 1e-5
    assert reconstructions.std() > 0.05  # a dead decoder would agree with anything


def test_layers_carry_the_names_that_recipes_use(graphs):
    made = graphs("fp32", 192, 256)
    named = [
        f"{m.graph.name}/{n.name}" for m in (made.encoder, made.decoder) for n in m.graph.node if n.op_type == "Conv"
    ]
    assert named == [f"encoder/conv_{k}" for k in range(1, 6)] + [f"decoder/conv_{k}" for k in range(1, 5)]


def test_the_same_weights_give_the_same_bytes_without_a_trace_of_the_machine(model, graphs):
    again = float_graphs(model(192, 256), 192, 256, 19)
    for before, after in zip(vars(graphs("fp32", 192, 256)).values(), vars(again).values(), strict=True):
        content = graph_bytes(after)
        assert content == graph_bytes(before)
        assert not any(trace in content for trace in (b".py", b"site-packages", b"torch", b"/home", b"/tmp"))
        assert not any(node.metadata_props or node.doc_string for node in after.graph.node)


def test_operators_are_those_that_every_backend_runs(graphs):
    made = graphs("fp32", 192, 256)
    assert {node.op_type for node in made.encoder.graph.node} == {"Conv", "Relu", "Reshape", "Gemm"}
    used = {node.op_type for node in made.decoder.graph.node}
    assert used == {"Gemm", "Relu", "Reshape", "Conv", "DepthToSpace", "Sigmoid"}
    assert [entry.version for entry in made.encoder.opset_import] == [19]
    assert made.encoder.ir_version == onnx.helper.find_min_ir_version_for(made.encoder.opset_import)


def test_folding_keeps_the_function_and_the_model(model, frames):
    encoder = model(192, 256).encoder
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    folded = fold_batch_norm(encoder)
    images = torch.from_numpy(frames(192, 256))
    with torch.no_grad():
        torch.testing.assert_close(folded(images), encoder(images), rtol=1e-4, atol=1e-4)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in folded.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_every_layer_has_a_bias_even_one_of_zeros(model, frames):
    """torch's exporter drops such a bias; INT8 rounds every layer's."""
    zeroed = copy.deepcopy(model(192, 256))
    with torch.no_grad():
        for layer in zeroed.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear) and layer.bias is not None:
                layer.bias.zero_()
            elif isinstance(layer, torch.nn.BatchNorm2d):
                layer.bias.zero_()
                layer.running_mean.zero_()
    made = float_graphs(zeroed, 192, 256, 19)
    layers = [n for m in (made.encoder, made.decoder) for n in m.graph.node if n.op_type in ("Conv", "Gemm")]
    assert {len(node.input) for node in layers} == {3}
    latents = OnnxRuntimeSession(graph_bytes(made.encoder), graph_bytes(made.decoder)).encode(frames(192, 256))
    with torch.no_grad():
        expected = zeroed.encode(torch.from_numpy(frames(192, 256))).numpy()
    np.testing.assert_allclose(latents, expected, rtol=1e-4, atol=1e-5)
