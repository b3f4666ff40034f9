import os
import sys

import block_bundle
import numpy as np
import pytest

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession


def test_the_graphs_compute_what_numpy_computes() -> None:
    session = OnnxRuntimeSession(block_bundle.encoder_onnx(2.0), block_bundle.decoder_onnx(0.25), threads=1)
    images = np.random.default_rng(0).uniform(size=(3, 1, 192, 256)).astype(np.float32)
    means = images.reshape(3, 8, 24, 16, 16).mean(axis=(2, 4))
    latents = session.encode(images)
    np.testing.assert_allclose(latents, 2 * means.reshape(3, 128), rtol=1e-5)
    enlarged = np.kron(means, np.ones((1, 24, 16), np.float32))[:, None]
    np.testing.assert_allclose(session.decode(latents), 2 * enlarged + 0.25, rtol=1e-5)


def test_results_survive_the_next_call() -> None:
    session = OnnxRuntimeSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx(), threads=1)
    first = session.encode(np.full((1, 1, 192, 256), 0.25, np.float32))
    session.encode(np.full((1, 1, 192, 256), 0.75, np.float32))
    np.testing.assert_allclose(first, 0.25, rtol=1e-5)


def test_no_frames_give_no_latents() -> None:
    session = OnnxRuntimeSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx())
    assert session.encode(np.zeros((0, 1, 192, 256), np.float32)).shape == (0, 128)


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 1, 256, 192), np.float32), np.zeros((1, 1, 192, 256)), np.zeros((1, 3, 192, 256), np.float32)],
)
def test_another_shape_or_type_is_refused(images: np.ndarray) -> None:
    session = OnnxRuntimeSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx())
    with pytest.raises(InputError, match=r"float32 \(N, 1, 192, 256\)"):
        session.encode(images)


@pytest.mark.parametrize("encoder", [b"", b"not a graph", block_bundle.encoder_onnx()[:200]])
def test_bytes_that_are_no_graph_are_refused(encoder: bytes) -> None:
    with pytest.raises(InputError, match="a graph frame → latent"):
        OnnxRuntimeSession(encoder, block_bundle.decoder_onnx())


def test_graphs_with_other_names_batches_or_places_are_refused() -> None:
    decoder = block_bundle.decoder_onnx()
    with pytest.raises(InputError, match="one float32 latent"):
        OnnxRuntimeSession(block_bundle.encoder_onnx(latent_name="z"), decoder)
    with pytest.raises(InputError, match="static shape"):
        OnnxRuntimeSession(block_bundle.encoder_onnx(batch="n"), decoder)
    with pytest.raises(InputError, match="one float32 frame"):
        OnnxRuntimeSession(decoder, decoder)


def test_threads_below_one_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1 thread"):
        OnnxRuntimeSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx(), threads=0)


def test_a_machine_without_onnxruntime_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match="pip install onnxruntime"):
        OnnxRuntimeSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx())


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads are pinned to cores on Linux only")
def test_pinned_threads_stay_on_the_cores_of_this_process_and_of_the_caller() -> None:
    before = os.sched_getaffinity(0)
    images = np.random.default_rng(0).uniform(size=(1, 1, 192, 256)).astype(np.float32)
    sessions = [
        OnnxRuntimeSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx(), threads)
        for threads in (None, 1, len(before), len(before) + 1)
    ]
    expected, *others = (session.encode(images) for session in sessions)
    for latents in others:
        np.testing.assert_allclose(latents, expected, rtol=1e-5)
    assert os.sched_getaffinity(0) == before
