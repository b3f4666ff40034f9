"""Activation ranges: fitted once a run on the float graphs, the same ones for every INT8 target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.export.onnx_graph import Graphs, graph_bytes


@dataclass(frozen=True)
class Range:
    """The least and the largest value that a tensor takes. Raises: InputError when they are no range."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low <= self.high):
            raise InputError(
                expected="finite activations on the calibration images",
                got=f"a range from {self.low} to {self.high}",
                fix="train again: this model gives NaN or infinity",
            )


# By contract, not by sample: a frame is 8-bit pixels over 255.
FRAME_RANGE = Range(0.0, 1.0)
# An insurance: latents of a hospital that nobody has seen can lie beyond those of the source hospitals, and nothing
# bounds what cutting them off costs. The premium, measured on source hospitals, stands in docs/export.md.
LATENT_HEADROOM = 1.5


@dataclass(frozen=True)
class Ranges:
    """The range of every activation by tensor name, in the encoder and in the decoder."""

    encoder: Mapping[str, Range]
    decoder: Mapping[str, Range]

    @property
    def sha256(self) -> str:
        """A digest of the exact numbers: equal for two exports that were fitted alike."""
        lines = [
            f"{graph}/{name} {each.low.hex()} {each.high.hex()}\n"
            for graph, ranges in (("encoder", self.encoder), ("decoder", self.decoder))
            for name, each in sorted(ranges.items())
        ]
        return sha256("".join(lines).encode()).hexdigest()


def fit_ranges(graphs: Graphs, frames: NDArray[np.float32]) -> Ranges:
    """The ranges that `frames` (N, 1, H, W) in [0, 1] span in both float32 graphs.

    The decoder's are those of the float encoder's latents: the INT8 graphs of all targets have only these in common.
    The latent's is widened by LATENT_HEADROOM.
    Raises: InputError when an activation is not finite.
    """
    encoder, latents = _observed(graphs.encoder, frames)
    decoder, _ = _observed(graphs.decoder, latents)
    name = graphs.decoder.graph.input[0].name
    latent = Range(LATENT_HEADROOM * decoder[name].low, LATENT_HEADROOM * decoder[name].high)
    return Ranges({**encoder, graphs.encoder.graph.input[0].name: FRAME_RANGE}, {**decoder, name: latent})


def _observed(model: onnx.ModelProto, samples: NDArray[np.float32]) -> tuple[dict[str, Range], NDArray[np.float32]]:
    """The range of the input and of every layer's output over `samples`, one a row, and the graph's own outputs."""
    names, session = _open_graph(model)
    source, target = model.graph.input[0].name, model.graph.output[0].name
    lows = dict.fromkeys((source, *names), np.float32(np.inf))
    highs = dict.fromkeys((source, *names), np.float32(-np.inf))
    outputs = []
    for sample in samples:
        seen = {source: sample[None], **dict(zip(names, session.run(names, {source: sample[None]}), strict=True))}
        for name, values in seen.items():
            # np.minimum and np.maximum keep a NaN, which Range then refuses.
            lows[name], highs[name] = np.minimum(lows[name], values.min()), np.maximum(highs[name], values.max())
        outputs.append(seen[target])
    return {name: Range(float(lows[name]), float(highs[name])) for name in lows}, np.concatenate(outputs)


def _open_graph(model: onnx.ModelProto) -> tuple[list[str], onnxruntime.InferenceSession]:
    """The outputs of all layers, and a session of a copy of the graph that gives every one of them."""
    opened = onnx.ModelProto.FromString(graph_bytes(model))
    names = [name for node in opened.graph.node for name in node.output]
    known = {value.name: value for value in (*opened.graph.value_info, *opened.graph.output)}
    del opened.graph.output[:]
    opened.graph.output.extend(known[name] for name in names)
    return names, onnxruntime.InferenceSession(graph_bytes(opened), providers=["CPUExecutionProvider"])
