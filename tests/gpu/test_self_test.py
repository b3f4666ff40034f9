"""The checks of `edge-nt doctor --self-test` on this machine's own GPU, one by one. Skipped where there is none."""

from pathlib import Path

import pytest

from edge_nt.bundle.read import Bundle, read_bundle
from edge_nt.engines.engine_folder import build_engines, engine_root
from edge_nt.engines.platform import this_platform
from edge_nt.engines.tensorrt_package import tensorrt_absence
from edge_nt.errors import EdgeNtError
from edge_nt.runtime import self_test
from edge_nt.runtime.device import open_device
from edge_nt.runtime.golden import shipped_tolerances
from edge_nt.runtime.launch import LAUNCHES
from edge_nt.runtime.launch_measure import measure_launches
from edge_nt.runtime.tensorrt_session import TensorRtSession


def _absence() -> str | None:
    reason = tensorrt_absence()
    if reason is None:
        try:
            open_device()
        except EdgeNtError as error:
            reason = error.got
    return reason


_REASON = _absence()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(_REASON is not None, reason=f"no TensorRT here: {_REASON}")]


@pytest.fixture
def bundle(bundle_folder: Path) -> Bundle:
    bundle = read_bundle(bundle_folder)
    root = engine_root(bundle)
    build_engines(bundle, this_platform(), root=root, workspace_mb=256, force=False, on_build=lambda *_step: None)
    return bundle


def test_golden_vectors(bundle: Bundle) -> None:
    self_test.golden_vectors(bundle, shipped_tolerances())


def test_against_onnxruntime(bundle: Bundle) -> None:
    self_test.against_onnxruntime(bundle, shipped_tolerances())


def test_equal_results(bundle: Bundle) -> None:
    self_test.equal_results(bundle)


def test_two_threads(bundle: Bundle) -> None:
    self_test.two_threads(bundle)


def test_steady_memory(bundle: Bundle) -> None:
    self_test.steady_memory(bundle)


@pytest.mark.parametrize("launch", LAUNCHES, ids=str)
def test_every_way_to_launch(bundle: Bundle, launch) -> None:
    assert TensorRtSession(bundle, launch).refused_graph is None


def test_a_way_is_chosen(bundle: Bundle) -> None:
    choice = measure_launches(bundle, shipped_tolerances())
    assert TensorRtSession(bundle).said == str(choice.chosen)
