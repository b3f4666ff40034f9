"""Activation ranges: fitted once a run on the float graphs, the same ones for every INT8 target."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.export.calibrators import MINMAX, THRESHOLDS, Histogram, added, histogram_of
from edge_nt.export.graph_facts import WEIGHTED_OPS
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


def fit_ranges(graphs: Graphs, frames: NDArray[np.float32], calibrator: str = MINMAX) -> Ranges:
    """The ranges that `frames` (N, 1, H, W) in [0, 1] span in both float32 graphs, as far as `calibrator` lets them.

    The decoder's are those of the float encoder's latents: the INT8 graphs of all targets have only these in common.
    The latent's is widened by LATENT_HEADROOM.
    Raises: InputError when an activation is not finite.
    """
    return fit_ranges_by(graphs, frames, (calibrator,))[calibrator]


def fit_ranges_by(graphs: Graphs, frames: NDArray[np.float32], calibrators: Collection[str]) -> dict[str, Ranges]:
    """The ranges of each calibrator from the same two passes: one for extremes, one for histograms between them.

    Calibrators cut off only what lies between layers. The frame's range is a contract, and the latent's has headroom
    for hospitals that nobody has seen. Raises: InputError when an activation is not finite.
    """
    encoder, latents = _observed(graphs.encoder, frames)
    decoder, _ = _observed(graphs.decoder, latents)
    frame, latent = graphs.encoder.graph.input[0].name, graphs.decoder.graph.input[0].name
    headroom = Range(LATENT_HEADROOM * decoder[latent].low, LATENT_HEADROOM * decoder[latent].high)
    extremes = Ranges({**encoder, frame: FRAME_RANGE}, {**decoder, latent: headroom})
    if not set(calibrators) & set(THRESHOLDS):
        return dict.fromkeys(calibrators, extremes)
    histograms = _histograms(graphs.encoder, frames, encoder), _histograms(graphs.decoder, latents, decoder)
    return {name: _cut(extremes, histograms, name) for name in calibrators}


_Histograms = Mapping[str, Histogram]


def _cut(extremes: Ranges, histograms: tuple[_Histograms, _Histograms], calibrator: str) -> Ranges:
    if calibrator == MINMAX:
        return extremes
    reaches = [{name: THRESHOLDS[calibrator](each) for name, each in part.items()} for part in histograms]
    encoder = {**extremes.encoder, **{name: _within(extremes.encoder[name], reaches[0][name]) for name in reaches[0]}}
    decoder = {**extremes.decoder, **{name: _within(extremes.decoder[name], reaches[1][name]) for name in reaches[1]}}
    return Ranges(encoder, decoder)


def _within(span: Range, reach: float) -> Range:
    """A range as far as magnitudes up to `reach`: a symmetric grid ends there, an unsigned one where either ends."""
    return Range(max(span.low, -reach), min(span.high, reach))


def _histograms(
    model: onnx.ModelProto, samples: NDArray[np.float32], spans: Mapping[str, Range]
) -> dict[str, Histogram]:
    """Of every tensor between layers that a layer reads."""
    source = model.graph.input[0].name
    read = {node.input[0] for node in model.graph.node if node.op_type in WEIGHTED_OPS} - {source}
    names, session = _open_graph(model, read)
    largest = {name: max(abs(spans[name].low), abs(spans[name].high)) for name in names}
    found: dict[str, Histogram] = {}
    for sample in samples:
        for name, values in zip(names, session.run(names, {source: sample[None]}), strict=True):
            own = histogram_of(values, largest[name])
            found[name] = added(found[name], own) if name in found else own
    return found


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


def _open_graph(
    model: onnx.ModelProto, wanted: Collection[str] | None = None
) -> tuple[list[str], onnxruntime.InferenceSession]:
    """The outputs of all layers, or those `wanted`, and a session of a copy of the graph that gives them."""
    opened = onnx.ModelProto.FromString(graph_bytes(model))
    outputs = [name for node in opened.graph.node for name in node.output]
    names = [name for name in outputs if wanted is None or name in wanted]
    known = {value.name: value for value in (*opened.graph.value_info, *opened.graph.output)}
    del opened.graph.output[:]
    opened.graph.output.extend(known[name] for name in names)
    return names, onnxruntime.InferenceSession(graph_bytes(opened), providers=["CPUExecutionProvider"])
