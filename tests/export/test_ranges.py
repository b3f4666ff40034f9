import dataclasses

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from edge_nt.errors import InputError
from edge_nt.export.onnx_graph import Graphs, fold_batch_norm, graph_bytes
from edge_nt.export.ranges import FRAME_RANGE, LATENT_HEADROOM, Range, Ranges, fit_ranges


def _seen_by_torch(layers: torch.nn.Sequential, seen: torch.Tensor) -> tuple[list[tuple[float, float]], torch.Tensor]:
    spans = []
    with torch.no_grad():
        for layer in fold_batch_norm(layers):
            seen = layer(seen)
            spans.append((float(seen.min()), float(seen.max())))
    return spans, seen


def test_ranges_are_the_extremes_that_torch_sees(model, ranges, frames):
    encoder, latents = _seen_by_torch(model(192, 256).encoder, torch.from_numpy(frames(192, 256)))
    decoder, _ = _seen_by_torch(model(192, 256).decoder, latents)
    fitted = ranges(192, 256)
    for spans, found in ((encoder, fitted.encoder), (decoder, fitted.decoder)):
        mine = [(each.low, each.high) for each in list(found.values())[1:]]  # behind the input, in the order they run
        np.testing.assert_allclose(mine, spans, rtol=1e-4, atol=1e-4)


def test_the_frame_has_its_range_by_contract_and_latents_have_headroom_over_the_float_ones(graphs, ranges, frames):
    assert ranges(192, 256).encoder["frame"] == FRAME_RANGE
    dark = fit_ranges(graphs("fp32", 192, 256), frames(192, 256) / 2)
    assert dark.encoder["frame"] == FRAME_RANGE
    seen, widened = ranges(192, 256).encoder["latent"], ranges(192, 256).decoder["latent"]
    assert (widened.low, widened.high) == (LATENT_HEADROOM * seen.low, LATENT_HEADROOM * seen.high)
    assert widened != dark.decoder["latent"]


def test_the_digest_is_of_the_exact_numbers(ranges):
    fitted = ranges(192, 256)
    moved = Range(fitted.decoder["latent"].low, float(np.nextafter(fitted.decoder["latent"].high, np.inf)))
    assert fitted.sha256 == Ranges(dict(reversed(fitted.encoder.items())), fitted.decoder).sha256
    assert fitted.sha256 != dataclasses.replace(fitted, decoder={**fitted.decoder, "latent": moved}).sha256
    assert fitted.sha256 != Ranges(fitted.decoder, fitted.encoder).sha256


def test_a_model_that_gives_no_numbers_is_refused(graphs, frames):
    model = onnx.ModelProto.FromString(graph_bytes(graphs("fp32", 192, 256).encoder))
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "conv_2.bias")
    bias.CopyFrom(numpy_helper.from_array(np.full(64, np.nan, np.float32), "conv_2.bias"))
    with pytest.raises(InputError, match="finite activations"):
        fit_ranges(Graphs(model, graphs("fp32", 192, 256).decoder), frames(192, 256))
