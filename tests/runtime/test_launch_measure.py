"""Which way of launching the engines is fastest on this GPU, and which it cannot use."""

import gc
import json

import pytest
from in_memory_device import InMemoryDevice

from edge_nt.bundle.read import Bundle
from edge_nt.engines.engine_folder import engine_root
from edge_nt.engines.platform import this_platform
from edge_nt.runtime.golden import shipped_tolerances
from edge_nt.runtime.launch import LAUNCHES, stored_launch
from edge_nt.runtime.launch_measure import measure_launches
from edge_nt.runtime.tensorrt_session import TensorRtSession


def test_the_measured_launch_is_the_one_that_runs(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    assert TensorRtSession(bundle).said == "pinned memory, plain launches, not measured"
    choice = measure_launches(bundle, shipped_tolerances())
    assert [trial.launch for trial in choice.trials] == list(LAUNCHES)
    assert min(trial.p50_ms for trial in choice.trials) == next(
        trial.p50_ms for trial in choice.trials if trial.launch == choice.chosen
    )
    assert TensorRtSession(bundle).said == str(choice.chosen)
    folder = engine_root(bundle) / this_platform().tag
    content = json.loads((folder / "launch.json").read_text())
    (folder / "launch.json").write_text(json.dumps(content | {"plan_sha256": ["0" * 64, "0" * 64]}))
    assert stored_launch(folder) is None


def test_ways_that_cannot_be_used_are_not_chosen(cart_gpu: InMemoryDevice, bundle: Bundle) -> None:
    cart_gpu.gpu.capture_refused = True
    choice = measure_launches(bundle, shipped_tolerances())
    assert not choice.chosen.cuda_graph
    assert {trial.launch.cuda_graph: trial.refused for trial in choice.trials} == {
        False: None,
        True: "cuStreamBeginCapture_v2: invalid argument",
    }


@pytest.mark.parametrize("package", ["pycuda", "cuda-python"])
def test_a_way_that_the_gpu_refuses_costs_only_itself(cart_gpu: InMemoryDevice, bundle: Bundle, package: str) -> None:
    cart_gpu.become(package=package)
    cart_gpu.gpu.mapping_refused = True
    choice = measure_launches(bundle, shipped_tolerances())
    assert {trial.launch.memory for trial in choice.trials if trial.refused} == {"mapped"}
    assert choice.chosen.memory == "pinned"
    gc.collect()
    assert cart_gpu.gpu.memory == {}
    cart_gpu.gpu.stack.clear()
