"""Encoder and decoder on a whole batch in one call each, in every engine, with the runtime's settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.export.onnx_graph import Graphs, graph_bytes
from edge_nt.runtime.onnxruntime_session import cpu_session
from edge_nt.runtime.openvino_session import cpu_settings, require_openvino

Run = Callable[[], NDArray[np.float32]]


def onnxruntime_run(graphs: Graphs, images: NDArray[np.float32], threads: int | None) -> Run:
    """Images float32 (N, 1, H, W) through graphs of batch N, in sessions as the runtime makes them."""
    encoder, decoder = (cpu_session(graph_bytes(graph), threads) for graph in (graphs.encoder, graphs.decoder))

    def run() -> NDArray[np.float32]:
        latents = encoder.run(None, {"frame": images})[0]
        return np.asarray(decoder.run(None, {"latent": latents})[0], np.float32)

    return run


def openvino_run(graphs: Graphs, images: NDArray[np.float32], threads: int | None) -> Run:
    """Images float32 (N, 1, H, W) through graphs of batch N, compiled as the runtime does."""
    core, settings = require_openvino().Core(), cpu_settings(threads)

    def request(graph: Any) -> Any:
        return core.compile_model(core.read_model(graph_bytes(graph)), "CPU", settings).create_infer_request()

    encoder, decoder = request(graphs.encoder), request(graphs.decoder)

    def run() -> NDArray[np.float32]:
        latents = encoder.infer([images], share_inputs=True)[0]
        return np.asarray(decoder.infer([latents], share_inputs=True)[0], np.float32)

    return run
