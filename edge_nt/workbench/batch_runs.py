"""Encoder and decoder on a whole batch in one call each, in every engine, with the runtime's settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.export.onnx_graph import Graphs, graph_bytes

Run = Callable[[], NDArray[np.float32]]


def onnxruntime_run(graphs: Graphs, images: NDArray[np.float32], threads: int | None) -> Run:
    """Images float32 (N, 1, H, W) through graphs of batch N, threads told to stop spinning as in the runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if threads is not None:
        options.intra_op_num_threads = threads
    encoder, decoder = (
        onnxruntime.InferenceSession(graph_bytes(graph), options, providers=["CPUExecutionProvider"])
        for graph in (graphs.encoder, graphs.decoder)
    )

    def run() -> NDArray[np.float32]:
        latents = encoder.run(None, {"frame": images})[0]
        return np.asarray(decoder.run(None, {"latent": latents})[0], np.float32)

    return run


def openvino_run(graphs: Graphs, images: NDArray[np.float32], threads: int | None) -> Run:
    """Images float32 (N, 1, H, W) through graphs of batch N, in float32 as in the runtime."""
    import openvino

    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = str(threads)

    def request(graph: Any) -> Any:
        return core.compile_model(core.read_model(graph_bytes(graph)), "CPU", settings).create_infer_request()

    encoder, decoder = request(graphs.encoder), request(graphs.decoder)

    def run() -> NDArray[np.float32]:
        latents = encoder.infer([images], share_inputs=True)[0]
        return np.asarray(decoder.infer([latents], share_inputs=True)[0], np.float32)

    return run
