import os
import sys

import block_bundle
import numpy as np
import pytest

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.runtime.openvino_session import OpenVinoSession


def test_the_graphs_compute_what_numpy_computes_and_results_survive_the_next_call() -> None:
    session = OpenVinoSession(block_bundle.encoder_onnx(2.0), block_bundle.decoder_onnx(0.25), threads=1)
    images = np.random.default_rng(0).uniform(size=(3, 1, 192, 256)).astype(np.float32)
    means = images.reshape(3, 8, 24, 16, 16).mean(axis=(2, 4))
    latents = session.encode(images)
    session.encode(np.zeros_like(images))
    np.testing.assert_allclose(latents, 2 * means.reshape(3, 128), rtol=1e-5)
    enlarged = np.kron(means, np.ones((1, 24, 16), np.float32))[:, None]
    np.testing.assert_allclose(session.decode(latents), 2 * enlarged + 0.25, rtol=1e-5)
    assert session.encode(images[:0]).shape == (0, 128)


@pytest.mark.parametrize("images", [np.zeros((1, 1, 256, 192), np.float32), np.zeros((1, 1, 192, 256))])
def test_another_shape_or_type_is_refused(images: np.ndarray) -> None:
    session = OpenVinoSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx())
    with pytest.raises(InputError, match=r"float32 \(N, 1, 192, 256\)"):
        session.encode(images)


@pytest.mark.parametrize("encoder", [b"", b"not a graph", block_bundle.encoder_onnx()[:200]])
def test_bytes_that_are_no_graph_are_refused_in_one_line(encoder: bytes) -> None:
    with pytest.raises(InputError, match=r"a graph frame → latent for openvino") as caught:
        OpenVinoSession(encoder, block_bundle.decoder_onnx())
    assert "\n" not in str(caught.value)


def test_graphs_with_other_names_batches_or_places_are_refused() -> None:
    decoder = block_bundle.decoder_onnx()
    with pytest.raises(InputError, match="one float32 latent"):
        OpenVinoSession(block_bundle.encoder_onnx(latent_name="z"), decoder)
    with pytest.raises(InputError, match="static shape"):
        OpenVinoSession(block_bundle.encoder_onnx(batch="n"), decoder)
    with pytest.raises(InputError, match="one float32 frame"):
        OpenVinoSession(decoder, decoder)
    with pytest.raises(InputError, match="at least 1 thread"):
        OpenVinoSession(block_bundle.encoder_onnx(), decoder, threads=0)


def test_a_machine_without_openvino_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'edge-nt\[openvino\]'"):
        OpenVinoSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx())


def test_bf16_is_named_and_refused_where_the_processor_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    class Older(openvino.Core):  # type: ignore[misc]
        """The real core on a processor that says it has no bfloat16."""

        def get_property(self, *names: str) -> object:
            found = super().get_property(*names)
            return [name for name in found if name != "BF16"] if names[-1] == "OPTIMIZATION_CAPABILITIES" else found

    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        session = OpenVinoSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx(), bf16=True)
        assert session.backend == "openvino-bf16"
    monkeypatch.setattr(openvino, "Core", Older)
    with pytest.raises(MissingDependencyError, match="bfloat16"):
        OpenVinoSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx(), bf16=True)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads are pinned to cores on Linux only")
def test_pinned_threads_stay_on_the_cores_of_this_process_and_of_the_caller() -> None:
    before = os.sched_getaffinity(0)
    images = np.random.default_rng(0).uniform(size=(1, 1, 192, 256)).astype(np.float32)
    sessions = [
        OpenVinoSession(block_bundle.encoder_onnx(), block_bundle.decoder_onnx(), threads)
        for threads in (None, 1, len(before), len(before) + 1)
    ]
    expected, *others = (session.encode(images) for session in sessions)
    for latents in others:
        np.testing.assert_allclose(latents, expected, rtol=1e-5)
    assert os.sched_getaffinity(0) == before
