"""The INT8 graph: explicit quantise/dequantise pairs exactly where TensorRT wants them, ranges from real data."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from edge_nt.errors import InputError
from edge_nt.export.onnx_graph import Graphs, graph_bytes, opset_of, typed
from edge_nt.export.recipe import Int8Recipe
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession

QUANTISED_OPS = ("Conv", "Gemm")
_METHODS = {"minmax": CalibrationMethod.MinMax}


def int8_graphs(graphs: Graphs, frames: NDArray[np.float32], recipe: Int8Recipe) -> Graphs:
    """Both float32 graphs in INT8, ranges fitted on `frames` (N, 1, H, W) in [0, 1].

    The decoder's are fitted on the latents that the INT8 encoder gives for them, which is what it will see.
    Raises: InputError when the recipe names a float layer that the graphs do not have.
    """
    check_float_layers(graphs, recipe)
    encoder = int8_graph(graphs.encoder, frames, recipe)
    latents = OnnxRuntimeSession(graph_bytes(encoder), graph_bytes(graphs.decoder)).encode(frames)
    return Graphs(encoder, int8_graph(graphs.decoder, latents, recipe))


def int8_graph(model: onnx.ModelProto, samples: NDArray[np.float32], recipe: Int8Recipe) -> onnx.ModelProto:
    """A float32 graph → the same with pairs before every quantised layer; ranges from `samples`, one a row."""
    excluded = [name.partition("/")[2] for name in recipe.float_layers if name.startswith(f"{model.graph.name}/")]
    with tempfile.TemporaryDirectory(prefix="edge-nt-int8-") as folder, _quiet_quantiser():
        target = Path(folder) / "graph.onnx"
        quantize_static(
            onnx.ModelProto.FromString(graph_bytes(model)),  # a copy: the quantiser writes into what it is given
            target,
            _Samples(model.graph.input[0].name, samples),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED_OPS),
            nodes_to_exclude=excluded,
            calibrate_method=_METHODS[recipe.calibrator],
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                # TensorRT's parser rejects the int32 DequantizeLinear of a quantised bias.
                "QuantizeBias": False,
                # No pair behind a layer, only before the next: TensorRT fuses a convolution with its ReLU only so.
                "OpTypesToExcludeOutputQuantization": list(QUANTISED_OPS),
            },
        )
        quantised = onnx.load(target)
    quantised.graph.name = model.graph.name
    return typed(quantised.graph, opset_of(model))


def check_float_layers(graphs: Graphs, recipe: Int8Recipe) -> None:
    """Raises: InputError when a float layer of the recipe is not a convolution or linear layer of the graphs."""
    known = [
        f"{model.graph.name}/{node.name}"
        for model in (graphs.encoder, graphs.decoder)
        for node in model.graph.node
        if node.op_type in QUANTISED_OPS
    ]
    unknown = [name for name in recipe.float_layers if name not in known]
    if unknown:
        raise InputError(
            expected=f"int8.float_layers among {', '.join(known)}",
            got=", ".join(unknown),
            fix="correct the names in the export recipe",
        )


class _Samples(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Hands samples (N, …) to onnxruntime's calibrator, one at a time, each with batch size 1."""

    def __init__(self, name: str, samples: NDArray[np.float32]) -> None:
        self._feeds = ({name: sample[None]} for sample in samples)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


@contextmanager
def _quiet_quantiser() -> Iterator[None]:
    """The quantiser advises on the root logger to fold and infer shapes first, which these graphs already are."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
