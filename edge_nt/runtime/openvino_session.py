"""The OpenVINO backend, on the CPU, from the same ONNX bytes."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from edge_nt.errors import MissingDependencyError
from edge_nt.runtime.bound_session import BoundGraph, BoundSession, check_threads, has_all_cores, unfit_edge, unloadable


class OpenVinoSession(BoundSession):
    """Encoder and decoder graphs with static batch 1, run by OpenVINO's CPU plugin; not thread-safe.

    `bf16` runs the float layers in bfloat16. Without it they run in float32, on every processor: left alone, OpenVINO
    takes bfloat16 where the processor has it. `threads` bounds the threads inside an operator; None leaves the choice
    to OpenVINO (one a physical core).

    Raises: MissingDependencyError without OpenVINO, or for `bf16` on a processor without it; InputError when a graph
    cannot be loaded or has other inputs and outputs than ``frame`` (1, 1, H, W) → ``latent`` (1, D) →
    ``reconstruction`` (1, 1, H, W), all float32.
    """

    def __init__(
        self, encoder_onnx: bytes, decoder_onnx: bytes, threads: int | None = None, *, bf16: bool = False
    ) -> None:
        check_threads(threads)
        openvino = require_openvino()
        core = openvino.Core()
        if bf16:
            _refuse_without_bf16(core)
        settings = cpu_settings(threads, bf16=bf16)
        super().__init__(
            "openvino-bf16" if bf16 else "openvino",
            _graph(openvino, core, encoder_onnx, ("frame", "latent"), settings),
            _graph(openvino, core, decoder_onnx, ("latent", "reconstruction"), settings),
        )


def cpu_settings(threads: int | None, *, bf16: bool = False) -> dict[str, str]:
    """How graphs are compiled for the processor, with the threads and arithmetic that the session describes."""
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32"}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
        settings["ENABLE_CPU_PINNING"] = "YES" if has_all_cores(threads) else "NO"
    return settings


def _graph(
    openvino: ModuleType, core: Any, content: bytes, names: tuple[str, str], settings: dict[str, str]
) -> BoundGraph:
    try:
        model = core.read_model(content)
        shapes = _shape(openvino, model.inputs, names[0]), _shape(openvino, model.outputs, names[1])
        request = core.compile_model(model, "CPU", settings).create_infer_request()
    except RuntimeError as error:
        raise unloadable(names, f"openvino {openvino.__version__}", error) from error
    input_array, output_array = (np.zeros(shape, np.float32) for shape in shapes)
    # Shared memory, so that the graph reads and writes these very arrays in every run.
    request.set_input_tensor(openvino.Tensor(input_array, shared_memory=True))
    request.set_output_tensor(openvino.Tensor(output_array, shared_memory=True))
    return BoundGraph(input_array, output_array, partial(request.infer, share_inputs=True, share_outputs=True))


def require_openvino() -> ModuleType:
    """The package. Raises: MissingDependencyError without it."""
    try:
        import openvino
    except ImportError as error:
        raise MissingDependencyError(
            expected="the package openvino", got=str(error), fix="pip install 'edge-nt[openvino]'"
        ) from error
    module: ModuleType = openvino
    return module


def _refuse_without_bf16(core: Any) -> None:
    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if "BF16" not in capabilities:
        raise MissingDependencyError(
            expected="a processor with bfloat16 instructions for openvino-bf16",
            got=", ".join(capabilities),
            fix="use --backend openvino",
        )


def _shape(openvino: ModuleType, ports: list[Any], name: str) -> tuple[int, ...]:
    port = ports[0]
    shape = port.get_partial_shape()
    fits = len(ports) == 1 and name in port.get_names() and port.get_element_type() == openvino.Type.f32
    if not fits or shape.is_dynamic or tuple(shape.to_shape())[:1] != (1,):
        got = (f"{sorted(each.get_names())} {each.get_element_type()} {each.get_partial_shape()}" for each in ports)
        raise unfit_edge(name, ", ".join(got))
    return tuple(shape.to_shape())
