"""Single layers that drive a processor to its arithmetic peak, in every engine and at every precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge_nt.bench.floor_result import FloorPrecision

_OPSET, _IR_VERSION = 17, 8
# (rows, inner, columns), and (inputs, outputs, height, width) with a 3×3 window: all fit a few MB of cache, and are
# large enough to hide the start of a kernel.
_PRODUCTS = ((1024, 1024, 1024), (3072, 576, 384), (2048, 2048, 512))
_CONVOLUTIONS = ((128, 128, 48, 64), (256, 256, 32, 32), (192, 384, 24, 32))

Runner = Callable[[], object]
# Of the input, the weights and the output.
_Shapes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class PeakCandidate:
    """One layer in one engine; `build` gives what to time, and may raise where the engine or kernel is missing."""

    precision: FloorPrecision
    engine: str
    kernel: str
    shape: str
    multiply_adds: int
    build: Callable[[], Runner]


def peak_candidates(threads: int) -> tuple[PeakCandidate, ...]:
    """All layers to try, for every precision; those in torch run with the threads that torch is set to."""
    return tuple(
        candidate
        for precision in ("int8", "bf16", "fp32")
        for candidate in (*_layer_candidates(precision, threads), *_torch_candidates(precision))
    )


def _layer_candidates(precision: FloorPrecision, threads: int) -> list[PeakCandidate]:
    layers = [("matmul", dims) for dims in _PRODUCTS] + [("conv 3x3", dims) for dims in _CONVOLUTIONS]
    engines: dict[str, Callable[..., Runner]] = {"openvino": _openvino}
    if precision != "bf16":  # onnxruntime's CPU provider has no bfloat16 kernels
        engines["onnxruntime"] = _onnxruntime
    return [
        PeakCandidate(
            precision,
            engine,
            kernel,
            _name(dims),
            prod(dims) * (9 if kernel == "conv 3x3" else 1),
            partial(build, kernel, dims, precision, threads),
        )
        for kernel, dims in layers
        for engine, build in engines.items()
    ]


def _torch_candidates(precision: FloorPrecision) -> list[PeakCandidate]:
    kernel = "_int_mm" if precision == "int8" else "matmul"
    return [
        PeakCandidate(precision, "torch", kernel, _name(dims), prod(dims), partial(_torch, dims, precision))
        for dims in _PRODUCTS
    ]


def _name(dims: Sequence[int]) -> str:
    return "x".join(map(str, dims))


def _torch(dims: tuple[int, int, int], precision: FloorPrecision) -> Runner:
    rows, inner, columns = dims
    if precision == "int8":
        left, right = (torch.randint(-127, 128, shape, dtype=torch.int8) for shape in ((rows, inner), (inner, columns)))
        return partial(torch._int_mm, left, right)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    return partial(torch.matmul, torch.rand(rows, inner).to(dtype), torch.rand(inner, columns).to(dtype))


def _onnxruntime(kernel: str, dims: Sequence[int], precision: FloorPrecision, threads: int) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    content, values = _layer(kernel, dims, precision)
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return partial(session.run, None, {"x": values})


def _openvino(kernel: str, dims: Sequence[int], precision: FloorPrecision, threads: int) -> Runner:
    import openvino

    core = openvino.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise RuntimeError("no bfloat16 instructions in this processor")
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "INFERENCE_NUM_THREADS": str(threads),
    }
    content, values = _layer(kernel, dims, precision)
    request = core.compile_model(core.read_model(content), "CPU", settings).create_infer_request()
    # Shared, not copied, and held by the runner: OpenVINO itself would not keep the array alive.
    return partial(request.infer, [values], share_inputs=True, share_outputs=True)


def _layer(kernel: str, dims: Sequence[int], precision: FloorPrecision) -> tuple[bytes, NDArray[Any]]:
    """An ONNX graph of the one layer, and an input for it: unsigned 8-bit in and out for INT8, else float32."""
    if kernel == "matmul":
        rows, inner, columns = dims
        shapes: _Shapes = ((rows, inner), (inner, columns), (rows, columns))
        operation = helper.make_node("MatMul", ["x.float", "w.float"], ["y.float"])
    else:
        inputs, outputs, height, width = dims
        shapes = ((1, inputs, height, width), (outputs, inputs, 3, 3), (1, outputs, height, width))
        operation = helper.make_node("Conv", ["x.float", "w.float"], ["y.float"], pads=[1, 1, 1, 1])
    generator = np.random.default_rng(0)
    if precision == "int8":
        weights = generator.integers(-127, 128, shapes[1], np.int8)
        return _int8_graph(operation, shapes, weights), generator.integers(0, 256, shapes[0], np.uint8)
    operation.input[:], operation.output[:] = ["x", "w"], ["y"]
    constants = {"w": generator.normal(0, 0.03, shapes[1]).astype(np.float32)}
    return _graph([operation], shapes, TensorProto.FLOAT, constants), generator.random(shapes[0], np.float32)


def _int8_graph(operation: onnx.NodeProto, shapes: _Shapes, weights: NDArray[np.int8]) -> bytes:
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "x.scale", "zero"], ["x.float"]),
        helper.make_node("DequantizeLinear", ["w", "w.scale", "w.zero"], ["w.float"]),
        operation,
        helper.make_node("QuantizeLinear", ["y.float", "y.scale", "zero"], ["y"]),
    ]
    constants: dict[str, NDArray[Any]] = {
        "w": weights,
        "zero": np.array(0, np.uint8),
        "w.zero": np.array(0, np.int8),
        "x.scale": np.array(1 / 255, np.float32),
        "w.scale": np.array(1 / 127, np.float32),
        "y.scale": np.array(1 / 8, np.float32),
    }
    return _graph(nodes, shapes, TensorProto.UINT8, constants)


def _graph(nodes: list[onnx.NodeProto], shapes: _Shapes, dtype: int, constants: dict[str, NDArray[Any]]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "peak",
        [helper.make_tensor_value_info("x", dtype, shapes[0])],
        [helper.make_tensor_value_info("y", dtype, shapes[2])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    content: bytes = model.SerializeToString()
    return content
