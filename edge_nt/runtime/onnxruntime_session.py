"""The onnxruntime backend, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError, MissingDependencyError

# Without it, the idle worker threads of one graph spin for a while and take the cores from the other graph, which runs
# right after it. Spinning while a graph runs stays on: that is what makes short operators fast.
_STOP_SPINNING = ("session.force_spinning_stop", "1")


class OnnxRuntimeSession:
    """Encoder and decoder graphs with static batch 1, run by onnxruntime's CPU provider; not thread-safe.

    `threads` bounds the threads inside an operator; None leaves the choice to onnxruntime (one a physical core).

    Raises: MissingDependencyError without onnxruntime; InputError when a graph cannot be loaded or has other inputs
    and outputs than ``frame`` (1, 1, H, W) → ``latent`` (1, D) → ``reconstruction`` (1, 1, H, W), all float32.
    """

    def __init__(self, encoder_onnx: bytes, decoder_onnx: bytes, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise InputError(
                expected="at least 1 thread", got=str(threads), fix="leave --threads out, or pass 1 or more"
            )
        onnxruntime = _onnxruntime()
        self._encoder = _Graph(onnxruntime, encoder_onnx, "frame", "latent", threads)
        self._decoder = _Graph(onnxruntime, decoder_onnx, "latent", "reconstruction", threads)
        frame, latent = self._encoder.input_shape, self._encoder.output_shape
        chained = (len(frame), frame[:2], len(latent)) == (4, (1, 1), 2)
        if not chained or self._decoder.input_shape != latent or self._decoder.output_shape != frame:
            raise InputError(
                expected="graphs frame (1, 1, H, W) → latent (1, D) → reconstruction (1, 1, H, W)",
                got=f"{frame} → {latent} and {self._decoder.input_shape} → {self._decoder.output_shape}",
                fix="export the bundle again with `edge-nt export`",
            )

    def encode(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images float32 (N, 1, H, W) in [0, 1] → latents float32 (N, D). Raises: InputError for another shape."""
        return self._encoder.run(images)

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latents float32 (N, D) → images float32 (N, 1, H, W). Raises: InputError for another shape."""
        return self._decoder.run(latents)


class _Graph:
    """One graph with its input and output bound to arrays of ours, so that a frame costs no allocation inside."""

    def __init__(
        self, onnxruntime: ModuleType, content: bytes, input_name: str, output_name: str, threads: int | None
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry(*_STOP_SPINNING)
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors share no narrower base class.
            raise InputError(
                expected=f"a graph {input_name} → {output_name} for onnxruntime {onnxruntime.__version__}",
                got=str(error).splitlines()[0],
                fix="update onnxruntime on this machine, or export the bundle again",
            ) from error
        self._input = np.zeros(_shape(self._session.get_inputs(), input_name), np.float32)
        self._output = np.zeros(_shape(self._session.get_outputs(), output_name), np.float32)
        self._binding = self._session.io_binding()
        _bind(self._binding.bind_input, input_name, self._input)
        _bind(self._binding.bind_output, output_name, self._output)
        self.input_shape = self._input.shape
        self.output_shape = self._output.shape

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run each item of `batch` (N, …) through the graph and stack the outputs (N, …)."""
        if batch.dtype != np.float32 or batch.shape[1:] != self.input_shape[1:]:
            raise InputError(
                expected=f"float32 (N, {', '.join(map(str, self.input_shape[1:]))}) for this bundle",
                got=f"{batch.dtype} {batch.shape}",
                fix="preprocess with the settings of the bundle's manifest",
            )
        outputs = np.empty((len(batch), *self.output_shape[1:]), np.float32)
        for item, output in zip(batch, outputs, strict=True):
            self._input[0] = item
            self._session.run_with_iobinding(self._binding)
            output[...] = self._output[0]
        return outputs


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
        raise InputError(
            expected=f"a graph with one float32 {name} of static shape and batch 1",
            got=", ".join(f"{each.name} {each.type} {each.shape}" for each in nodes),
            fix="export the bundle again with `edge-nt export`",
        )
    return tuple(node.shape)
