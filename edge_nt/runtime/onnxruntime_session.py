"""The onnxruntime backend, on the CPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import MissingDependencyError
from edge_nt.machine import usable_cores
from edge_nt.runtime.bound_session import BoundGraph, BoundSession, check_threads, has_all_cores, unfit_edge, unloadable

# Without it, the idle worker threads of one graph spin for a while and take the cores from the other graph, which runs
# right after it. Spinning while a graph runs stays on: that is what makes short operators fast.
_STOP_SPINNING = ("session.force_spinning_stop", "1")
# Without VNNI, x86 kernels add products of bytes in 16 bits, which saturate: latents were off by 6 % where INT8 itself
# costs 0.7 %. So the sums stay exact there; processors with VNNI, and others, do as before.
_EXACT_SUMS = ("session.x64quantprecision", "1")
# It rounds float biases to steps of input scale x weight scale. FP16 cannot hold a product that small, and the biases
# are lost: latents were off by 18 % instead of the 1.3 % that INT8 costs. A graph is run as it says.
_DISABLED_OPTIMIZERS = ["WeightBiasQuantization"]


class OnnxRuntimeSession(BoundSession):
    """Encoder and decoder graphs with static batch 1, run by onnxruntime's CPU provider; not thread-safe.

    `threads` bounds the threads inside an operator; None leaves the choice to onnxruntime (one a physical core).

    Raises: MissingDependencyError without onnxruntime; InputError when a graph cannot be loaded or has other inputs
    and outputs than ``frame`` (1, 1, H, W) → ``latent`` (1, D) → ``reconstruction`` (1, 1, H, W), all float32.
    """

    def __init__(self, encoder_onnx: bytes, decoder_onnx: bytes, threads: int | None = None) -> None:
        check_threads(threads)
        onnxruntime = _onnxruntime()
        super().__init__(
            "onnxruntime",
            _graph(onnxruntime, encoder_onnx, ("frame", "latent"), threads),
            _graph(onnxruntime, decoder_onnx, ("latent", "reconstruction"), threads),
        )


def cpu_session(content: bytes, threads: int | None) -> Any:
    """onnxruntime's own session of a graph on the processor, with the threads that the session above describes.

    Raises: MissingDependencyError without onnxruntime; what onnxruntime raises for a graph that it cannot load.
    """
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(*_STOP_SPINNING)
    options.add_session_config_entry(*_EXACT_SUMS)
    if threads is not None:
        options.intra_op_num_threads = threads
        if threads > 1 and has_all_cores(threads) and hasattr(os, "sched_getaffinity"):
            # Left alone it pins its threads, told their number it does not. The first thread is the caller's; of the
            # others each has one core, counted from 1.
            cores = sorted(os.sched_getaffinity(0)) * (threads // usable_cores() + 1)
            pinned = ";".join(str(core + 1) for core in cores[1:threads])
            options.add_session_config_entry("session.intra_op_thread_affinities", pinned)
    return onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"], disabled_optimizers=_DISABLED_OPTIMIZERS
    )


def _graph(onnxruntime: ModuleType, content: bytes, names: tuple[str, str], threads: int | None) -> BoundGraph:
    try:
        session = cpu_session(content, threads)
    except Exception as error:  # onnxruntime's own errors share no narrower base class.
        raise unloadable(names, f"onnxruntime {onnxruntime.__version__}", error) from error
    input_array = np.zeros(_shape(session.get_inputs(), names[0]), np.float32)
    output_array = np.zeros(_shape(session.get_outputs(), names[1]), np.float32)
    binding = session.io_binding()
    _bind(binding.bind_input, names[0], input_array)
    _bind(binding.bind_output, names[1], output_array)
    return BoundGraph(input_array, output_array, partial(session.run_with_iobinding, binding))


def _onnxruntime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            expected="the package onnxruntime", got=str(error), fix="pip install onnxruntime"
        ) from error
    module: ModuleType = onnxruntime
    return module


def _bind(bind: Callable[..., None], name: str, array: NDArray[np.float32]) -> None:
    # By address, so that the graph reads and writes this very array in every run.
    bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)


def _shape(nodes: list[Any], name: str) -> tuple[int, ...]:
    node = nodes[0]
    static = all(isinstance(side, int) for side in node.shape)
    if len(nodes) != 1 or node.name != name or node.type != "tensor(float)" or not static or node.shape[:1] != [1]:
        raise unfit_edge(name, ", ".join(f"{each.name} {each.type} {each.shape}" for each in nodes))
    return tuple(node.shape)
