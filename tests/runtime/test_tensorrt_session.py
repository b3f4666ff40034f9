"""The session on a GPU in memory: what it asks of TensorRT and CUDA, and what it does when they refuse."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import block_bundle
import numpy as np
import pytest
from built_bundle import built
from in_memory_device import InMemoryDevice

from edge_nt.bundle.read import Bundle
from edge_nt.engines.engine_folder import engine_root
from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.runtime.launch import LAUNCHES, Launch
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.runtime.tensorrt_session import TensorRtSession


def images(count: int) -> np.ndarray:
    return to_unit_range(np.stack([block_bundle.scan(seed) for seed in range(count)]))


@pytest.mark.parametrize("package", ["pycuda", "cuda-python"])
@pytest.mark.parametrize("launch", LAUNCHES, ids=str)
def test_every_way_gives_what_onnxruntime_gives(
    cart_gpu: InMemoryDevice, bundle: Bundle, package: str, launch: Launch
) -> None:
    cart_gpu.become(package=package)
    session = TensorRtSession(bundle, launch)
    reference = OnnxRuntimeSession(bundle.encoder_onnx, bundle.decoder_onnx, threads=1)
    frames = images(3)
    latents = session.encode(frames)
    np.testing.assert_array_equal(latents, reference.encode(frames))
    np.testing.assert_array_equal(session.decode(latents), reference.decode(latents))
    assert latents.shape == (3, block_bundle.LATENT_DIM)
    assert session.encode(frames[:0]).shape == (0, block_bundle.LATENT_DIM)
    assert (session.backend, session.said, session.refused_graph) == ("tensorrt", str(launch), None)
    assert (cart_gpu.gpu.graph_launches > 0) == launch.cuda_graph
    del session
    # cuda-python leaves the primary context current in a thread, as the CUDA runtime does.
    if package == "cuda-python":
        cart_gpu.gpu.stack.clear()


def test_no_frame_allocates_on_the_device(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    session = TensorRtSession(bundle)
    before = cart_gpu.gpu.allocations, cart_gpu.gpu.free_bytes
    for _ in range(20):
        session.decode(session.encode(images(2)))
    assert (cart_gpu.gpu.allocations, cart_gpu.gpu.free_bytes) == before


def test_results_are_the_callers_own(bundle: Bundle) -> None:
    session = TensorRtSession(bundle)
    first = session.encode(images(1))
    kept = first.copy()
    session.encode(1 - images(1))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("batch", [np.zeros((1, 1, 192, 255), np.float32), np.zeros((1, 1, 192, 256), np.float64)])
def test_another_shape_or_type_is_refused(bundle: Bundle, batch: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"float32 \(N, 1, 192, 256\)"):
        TensorRtSession(bundle).encode(batch)


def test_sessions_run_in_threads_that_did_not_make_them_and_end_there(bundle: Bundle) -> None:
    expected = OnnxRuntimeSession(bundle.encoder_onnx, bundle.decoder_onnx, threads=1).encode(images(2))

    def work(sessions: list[TensorRtSession]) -> bool:
        session = sessions.pop()
        return all(np.array_equal(session.encode(images(2)), expected) for _ in range(5))

    hands = [[TensorRtSession(bundle, launch)] for launch in LAUNCHES]
    with ThreadPoolExecutor(len(hands)) as pool:
        assert list(pool.map(work, hands)) == [True] * len(hands)


def test_everything_is_given_back_when_a_session_goes(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    session = TensorRtSession(bundle, Launch("pinned", cuda_graph=True))
    assert len(cart_gpu.gpu.memory) == 8
    del session
    gc.collect()
    assert (cart_gpu.gpu.memory, cart_gpu.gpu.streams, cart_gpu.gpu.graphs) == ({}, {}, {})


@pytest.mark.parametrize("package", ["pycuda", "cuda-python"])
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("capture_refused", "cuStreamBeginCapture_v2: invalid argument"),
        ("capture_breaks", "not permitted when stream is capturing"),
    ],
)
def test_a_recording_that_fails_is_said_and_frames_run_all_the_same(
    cart_gpu: InMemoryDevice, bundle: Bundle, package: str, trouble: str, reason: str
) -> None:
    cart_gpu.become(package=package)
    setattr(cart_gpu.gpu, trouble, True)
    session = TensorRtSession(bundle, Launch("pinned", cuda_graph=True))
    assert session.said.startswith("pinned memory, CUDA graph, recording refused: ")
    assert reason in session.said
    reference = OnnxRuntimeSession(bundle.encoder_onnx, bundle.decoder_onnx, threads=1)
    np.testing.assert_array_equal(session.encode(images(1)), reference.encode(images(1)))
    assert (cart_gpu.gpu.graph_launches, cart_gpu.gpu.graphs) == (0, {})
    del session
    if package == "cuda-python":
        cart_gpu.gpu.stack.clear()


@pytest.mark.parametrize("launch", LAUNCHES, ids=str)
def test_a_gpu_that_fails_is_an_error_with_its_reason(cart_gpu: InMemoryDevice, bundle: Bundle, launch: Launch) -> None:
    session = TensorRtSession(bundle, launch)
    cart_gpu.gpu.fault = 700
    with pytest.raises(MissingDependencyError, match=r"a run of the encoder on the GPU.*illegal memory access"):
        session.encode(images(1))
    cart_gpu.gpu.fault = 0
    assert session.encode(images(1)).shape == (1, 128)


def test_a_launch_that_tensorrt_refuses_carries_its_last_words(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    session = TensorRtSession(bundle)
    cart_gpu.refusals.enqueue = "Error Code 3: API Usage Error"
    with pytest.raises(MissingDependencyError, match="TensorRT: Error Code 3: API Usage Error"):
        session.encode(images(1))


def test_a_gpu_without_memory_for_the_engines_is_an_error(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    cart_gpu.gpu.free_bytes = 1000
    with pytest.raises(MissingDependencyError, match=r"hold the engines of .*out of memory"):
        TensorRtSession(bundle)


def test_a_tensorrt_that_cannot_start_cuda_is_an_error_with_its_reason(
    cart_gpu: InMemoryDevice, bundle: Bundle
) -> None:
    cart_gpu.refusals.start = "CUDA initialization failure with error: 35. Please check your CUDA installation"
    with pytest.raises(MissingDependencyError, match=r"TensorRT 10\.3\.0 to start.*failure with error: 35") as refusal:
        TensorRtSession(bundle)
    assert refusal.value.exit_code == 3


@pytest.mark.parametrize("package", ["pycuda", "cuda-python"])
def test_a_gpu_that_cannot_be_opened_is_an_error(cart_gpu: InMemoryDevice, bundle: Bundle, package: str) -> None:
    cart_gpu.become(package=package)
    cart_gpu.gpu.context_error = 2
    with pytest.raises(MissingDependencyError, match="out of memory"):
        TensorRtSession(bundle)


@pytest.mark.parametrize("package", ["pycuda", "cuda-python"])
def test_a_context_that_fails_between_frames_is_an_error(
    cart_gpu: InMemoryDevice, bundle: Bundle, package: str
) -> None:
    cart_gpu.become(package=package)
    session = TensorRtSession(bundle)
    cart_gpu.gpu.context_error = 700
    with pytest.raises(MissingDependencyError, match=r"a run of the encoder on the GPU.*illegal memory access"):
        session.encode(images(1))
    cart_gpu.gpu.context_error = 0
    del session
    if package == "cuda-python":
        cart_gpu.gpu.stack.clear()


def test_a_plan_that_tensorrt_refuses_asks_for_a_new_build(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    cart_gpu.refusals.plan = "Serialization assertion magicTagRead failed"
    with pytest.raises(InputError, match=r"magicTagRead.*run `edge-nt build` again"):
        TensorRtSession(bundle)
    cart_gpu.refusals.plan = "Requested amount of GPU memory (9 bytes) could not be allocated."
    with pytest.raises(MissingDependencyError, match=r"memory for the plan of the encoder.*could not be allocated"):
        TensorRtSession(bundle)


def test_another_tensorrts_plan_is_refused_before_tensorrt_sees_it(
    cart_gpu: InMemoryDevice, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    (built_by,) = engine_root(bundle).iterdir()
    cart_gpu.become(tensorrt="10.16.1.11")
    monkeypatch.delattr(sys.modules["tensorrt"], "Runtime")
    with pytest.raises(InputError, match=r"engines for sm87-10\.16\.1\.11.*beside sm87-10\.3\.0"):
        TensorRtSession(bundle)
    # Somebody renames the folder: the sidecar still knows.
    built_by.rename(built_by.with_name("sm87-10.16.1.11"))
    with pytest.raises(
        InputError, match=r"built with tensorrt 10\.3\.0, here 10\.16\.1\.11.*run `edge-nt build` again"
    ):
        TensorRtSession(bundle)


def test_without_pycuda_and_cuda_python_the_fix_is_named(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    cart_gpu.become(package=None)
    with pytest.raises(MissingDependencyError, match="pycuda or cuda-python"):
        TensorRtSession(bundle)


def test_a_session_says_that_its_plans_are_weakly_typed(cart_gpu: InMemoryDevice, tmp_path: Path) -> None:
    cart_gpu.refusals.typed_build = "no implementation obeys the types"
    bundle = built(block_bundle.write(tmp_path / "int8", "int8"))
    assert TensorRtSession(bundle).said.endswith(", not measured, encoder and decoder weakly typed")
