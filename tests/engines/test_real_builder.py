"""Our build code on TensorRT-RTX: a real parser, builder and progress monitor, which need no GPU.

It takes the calls for timing caches too, and does nothing with them.
"""

import os
import signal
import sys
import time

import block_bundle
import pytest

from edge_nt.engines import build_progress
from edge_nt.engines.build import BuiltPlan, EngineTensor, PlanRefusedError, build_plan
from edge_nt.engines.build_progress import held_interrupt

pytestmark = pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX:DeprecationWarning")
rtx = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is built for x86-64 only")


@pytest.fixture(autouse=True)
def _rtx_as_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", rtx)


def build(onnx: bytes, *, timing_cache: bytes = b"", on_phase=lambda *_step: None) -> BuiltPlan:
    return build_plan(
        onnx, name="encoder", workspace_mb=256, timing_cache=timing_cache, weak_fallback=True, on_phase=on_phase
    )


def test_a_graph_becomes_a_strongly_typed_plan() -> None:
    heard: list[tuple[str, int, int]] = []
    built = build(block_bundle.encoder_onnx(), on_phase=lambda *step: heard.append(step))
    assert (built.typing, built.typed_refusal) == ("strong", None)
    assert built.tensors == (
        EngineTensor("frame", True, (1, 1, 192, 256), "FLOAT"),
        EngineTensor("latent", False, (1, 128), "FLOAT"),
    )
    assert len(built.plan) > 1000
    assert any(done == total > 0 for _, done, total in heard)


@pytest.mark.parametrize("content", [b"", b"no timing cache at all" * 9])
def test_the_timing_cache_starts_anew_when_there_is_none_that_fits(content: bytes) -> None:
    first = build(block_bundle.decoder_onnx(), timing_cache=content)
    assert first.timing_cache
    assert build(block_bundle.decoder_onnx(), timing_cache=first.timing_cache).plan == first.plan


def test_bytes_that_are_no_graph_are_refused_in_the_parsers_words() -> None:
    with pytest.raises(PlanRefusedError, match=f"TensorRT {rtx.__version__} takes. Got its parser: .*parse the ONNX"):
        build(b"not a graph")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_the_progress_raises_stops_the_build(error: type[BaseException]) -> None:
    def stop(*_step: object) -> None:
        raise error

    with pytest.raises(error):
        build(block_bundle.encoder_onnx(), on_phase=stop)


def test_ctrl_c_stays_out_of_the_builder_and_is_told_afterwards() -> None:
    stopped: list[BaseException] = []
    before = signal.getsignal(signal.SIGINT)
    with held_interrupt(stopped):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
    assert [type(each) for each in stopped] == [KeyboardInterrupt]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    stopped: list[BaseException] = []
    try:
        with held_interrupt(stopped):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert not stopped


def test_ctrl_c_inside_a_build_ends_it_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    # Pressed where no try of ours stands: at the entry of a callback, as Python does with a signal that waited for C++.
    monitor = build_progress.phase_monitor

    def pressing(on_phase):
        made, stopped = monitor(on_phase)
        complete = type(made).step_complete

        def step_complete(self, phase_name: str, step: int) -> bool:
            if not stopped:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)
            return complete(self, phase_name, step)

        type(made).step_complete = step_complete
        return made, stopped

    monkeypatch.setattr("edge_nt.engines.build.phase_monitor", pressing)
    with pytest.raises(KeyboardInterrupt):
        build(block_bundle.encoder_onnx())
