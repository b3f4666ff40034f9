import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_nt.export.fp16_graph import fp16_graphs
from edge_nt.export.onnx_graph import Graphs, graph_bytes
from edge_nt.model.autoencoder import AutoEncoder, multiply_adds
from edge_nt.workbench.graph_work import layer_work


def _bytes(nodes: list, inputs: list[int], outputs: list[int], constants: dict[str, np.ndarray]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, inputs)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, outputs)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def _convolution(group: int) -> bytes:
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], name="c", strides=[2, 2], pads=[1, 1, 1, 1], group=group)
    weight = np.zeros((6, 4 // group, 3, 3), np.float32)
    return _bytes([node], [1, 4, 10, 8], [1, 6, 5, 4], {"w": weight, "b": np.zeros(6, np.float32)})


LINEAR = _bytes([helper.make_node("Gemm", ["x", "w"], ["y"], name="l")], [1, 7], [1, 3], {"w": np.zeros((7, 3), "f4")})


@pytest.mark.parametrize(("group", "products"), [(1, 4 * 9), (2, 2 * 9)])
def test_a_convolution_is_counted_as_by_hand(group: int, products: int) -> None:
    convolution, linear = layer_work(_convolution(group), LINEAR)
    assert convolution.name == "encoder/c"
    assert convolution.multiply_adds == 6 * 5 * 4 * products
    assert convolution.values_moved == 4 * 10 * 8 + (6 * products + 6) + 6 * 5 * 4
    assert (linear.multiply_adds, linear.values_moved) == (21, 7 + 21 + 3)


def test_activations_are_free_and_a_pixel_shuffle_is_a_pass_over_memory() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], name="r"),
        helper.make_node("DepthToSpace", ["r"], ["y"], name="d", blocksize=2),
    ]
    shuffle, _ = layer_work(_bytes(nodes, [1, 8, 3, 2], [1, 2, 6, 4], {}), LINEAR)
    assert (shuffle.name, shuffle.multiply_adds, shuffle.values_moved) == ("encoder/d", 0, 2 * 48)


def test_the_graphs_hold_the_work_of_the_model_at_every_precision(model: AutoEncoder, graphs: Graphs) -> None:
    float_work = layer_work(graph_bytes(graphs.encoder), graph_bytes(graphs.decoder))
    assert sum(layer.multiply_adds for layer in float_work) == multiply_adds(model, 192, 256)
    half = fp16_graphs(graphs)
    assert layer_work(graph_bytes(half.encoder), graph_bytes(half.decoder)) == float_work


def test_a_quantised_weight_is_a_weight_and_not_an_input() -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["w"]),
        helper.make_node("Gemm", ["x", "w"], ["y"], name="l"),
    ]
    constants = {"q": np.zeros((7, 3), np.int8), "s": np.array(0.1, np.float32)}
    quantised = layer_work(_bytes(nodes, [1, 7], [1, 3], constants), LINEAR)[0]
    assert (quantised.input_values, quantised.weight_values, quantised.multiply_adds) == (7, 21, 21)
