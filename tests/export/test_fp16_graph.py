import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from edge_nt.errors import InputError
from edge_nt.export.fp16_graph import fp16_graph
from edge_nt.export.onnx_graph import graph_bytes
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_everything_between_the_two_casts_is_half(graphs, part):
    model = getattr(graphs("fp16", 192, 256), part)
    onnx.checker.check_model(model, full_check=True)
    assert {v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)} == {TensorProto.FLOAT}
    assert {v.type.tensor_type.elem_type for v in model.graph.value_info} == {TensorProto.FLOAT16}
    weights = [t.data_type for t in model.graph.initializer if not t.name.endswith(".shape")]
    assert set(weights) == {TensorProto.FLOAT16}
    casts = [node.name for node in model.graph.node if node.op_type == "Cast"]
    assert casts == [model.graph.node[0].name, model.graph.node[-1].name]


def test_half_precision_stays_close_to_single(graphs, frames):
    images = frames(192, 256)
    single, half = (graphs(precision, 192, 256) for precision in ("fp32", "fp16"))
    exact = OnnxRuntimeSession(graph_bytes(single.encoder), graph_bytes(single.decoder))
    rounded = OnnxRuntimeSession(graph_bytes(half.encoder), graph_bytes(half.decoder))
    latents = exact.encode(images)
    error = np.abs(rounded.encode(images) - latents).max() / latents.std()
    assert 0 < error < 0.02
    assert 0 < np.abs(rounded.decode(latents) - exact.decode(latents)).max() < 0.02


def test_a_weight_beyond_half_precision_is_refused_by_name(graphs):
    model = onnx.ModelProto.FromString(graph_bytes(graphs("fp32", 192, 256).decoder))
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "conv_4.bias")
    values = numpy_helper.to_array(bias).copy()
    for beyond in (7e4, np.nan):
        values[0] = beyond
        bias.CopyFrom(numpy_helper.from_array(values, bias.name))
        with pytest.raises(InputError, match=r"conv_4\.bias"):
            fp16_graph(model)
