import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from edge_nt.errors import InputError
from edge_nt.export.int8_graph import int8_graphs
from edge_nt.export.onnx_graph import fold_batch_norm, graph_bytes
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
        np.testing.assert_allclose(steps, np.abs(weights).reshape(len(weights), -1).max(1) / 127, rtol=1e-5)
        assert (np.abs(stored * steps.reshape(shape) - weights) <= 0.501 * steps.reshape(shape)).all()


def test_activation_ranges_are_the_largest_magnitudes_that_torch_sees(model, graphs, frames):
    seen = torch.from_numpy(frames(192, 256))
    expected = [float(seen.max())]
    with torch.no_grad():
        for layer in fold_batch_norm(model(192, 256).encoder):
            seen = layer(seen)
            if isinstance(layer, torch.nn.ReLU):
                expected.append(float(seen.max()))
    scales = [
        v for name, v in _constants(graphs("int8", 192, 256).encoder).items() if name.endswith("_scale") and not v.shape
    ]
    np.testing.assert_allclose(np.sort(scales), np.sort(expected) / 127, rtol=1e-4)


def test_the_decoder_is_ranged_on_the_latents_of_the_int8_encoder(graphs, frames):
    latents = _session(graphs("int8", 192, 256)).encode(frames(192, 256))
    scale = _constants(graphs("int8", 192, 256).decoder)["latent_scale"]
    np.testing.assert_allclose(scale, np.abs(latents).max() / 127, rtol=1e-5)


def test_int8_stays_close_and_the_float_last_layer_brings_it_closer(graphs, frames):
    images = frames(192, 256)
    exact = _session(graphs("fp32", 192, 256))
    latents = exact.encode(images)
    expected = exact.decode(latents)
    shipped = _session(graphs("int8", 192, 256))
    everything = _session(int8_graphs(graphs("fp32", 192, 256), images, ALL_INT8))
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


def test_quantising_again_gives_the_same_bytes(graphs, frames):
    recipe = Int8Recipe("minmax", 6, ("decoder/conv_4",))
    again = int8_graphs(graphs("fp32", 192, 256), frames(192, 256), recipe)
    for before, after in zip(vars(graphs("int8", 192, 256)).values(), vars(again).values(), strict=True):
        assert graph_bytes(before) == graph_bytes(after)


@pytest.mark.parametrize("name", ["decoder/conv_9", "conv_4", "decoder/relu_1"])
def test_a_float_layer_that_is_not_there_is_refused(graphs, frames, name):
    with pytest.raises(InputError, match=name) as refusal:
        int8_graphs(graphs("fp32", 192, 256), frames(192, 256), Int8Recipe("minmax", 6, (name,)))
    assert "decoder/conv_4" in refusal.value.expected
