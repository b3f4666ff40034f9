"""The TensorRT backend: plans that `edge-nt build` made on this machine. It has not run on a device yet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from weakref import finalize

from edge_nt.bundle.read import Bundle
from edge_nt.bundle.tensorrt_target import refuse_for_tensorrt
from edge_nt.engines.cuda_driver import CudaError
from edge_nt.engines.engine_folder import engine_root
from edge_nt.engines.engine_record import GRAPHS, expected_tensors, read_fitting_plan, read_record
from edge_nt.engines.platform import this_platform
from edge_nt.engines.tensorrt_package import collecting_logger, starting
from edge_nt.errors import MissingDependencyError
from edge_nt.runtime.bound_session import BoundGraph, BoundSession
from edge_nt.runtime.device import Device, open_device
from edge_nt.runtime.engine_execution import EngineExecution
from edge_nt.runtime.launch import Launch, stored_launch


def engine_folder(bundle: Bundle) -> Path:
    """Where this machine's engines of a bundle lie. Raises: MissingDependencyError without TensorRT or a GPU."""
    return engine_root(bundle) / this_platform().tag


class TensorRtSession(BoundSession):
    """Encoder and decoder as plans on the first GPU, with a stream of their own; one thread at a time, whichever.

    `launch` is how frames get there; None takes what was measured for these plans, or the plainest way. `said` tells
    which one it is, why where it is not the one wanted, and which plans TensorRT had to be let choose the types of.
    Raises: InputError for a bundle that is for CPUs, or when no plan here was built from it on this very platform;
    MissingDependencyError without TensorRT, a GPU, pycuda or cuda-python, or when the GPU fails.
    """

    def __init__(self, bundle: Bundle, launch: Launch | None = None) -> None:
        refuse_for_tensorrt(bundle.manifest, bundle.folder)
        platform = this_platform()
        folder = engine_root(bundle) / platform.tag
        # The sidecars are checked, and the bytes against them, before TensorRT sees any of them.
        plans = [read_fitting_plan(folder, graph, bundle, platform) for graph in GRAPHS]
        device = open_device()
        stored = stored_launch(folder) if launch is None else None
        wanted = launch or stored or Launch()
        held, encoder, decoder = _opened(bundle, plans, device, wanted)
        # Runs when the session is let go of, in whatever thread that is, and at the latest when the process ends.
        finalize(self, _give_back, device, held)
        super().__init__(
            "tensorrt",
            BoundGraph(encoder.input.host, encoder.output.host, encoder.run),
            BoundGraph(decoder.input.host, decoder.output.host, decoder.run),
        )
        self.refused_graph = encoder.refused_graph or decoder.refused_graph
        measured = "" if launch or stored else ", not measured"
        failed = f", recording refused: {self.refused_graph}" if self.refused_graph else ""
        self.said = f"{wanted}{measured}{failed}{_weakly_typed(folder)}"


def _weakly_typed(folder: Path) -> str:
    weak = [graph for graph in GRAPHS if read_record(folder, graph).typing == "weak"]
    return f", {' and '.join(weak)} weakly typed" if weak else ""


def _opened(
    bundle: Bundle, plans: Sequence[bytes], device: Device, launch: Launch
) -> tuple[ExitStack, EngineExecution, EngineExecution]:
    """Encoder and decoder ready to run, and what gives back all that they hold.

    Where one fails, all is given back in the reverse order, while the device is still current.
    """
    import tensorrt as trt

    logger, complaints = collecting_logger()
    executions: list[EngineExecution] = []
    try:
        with device, ExitStack() as held:
            stream = device.new_stream()
            held.callback(stream.close)
            with starting(complaints):
                runtime = trt.Runtime(logger)
            for graph, plan in zip(GRAPHS, plans, strict=True):
                execution = EngineExecution(
                    plan,
                    graph,
                    expected_tensors(bundle.manifest, graph),
                    runtime=runtime,
                    complaints=complaints,
                    device=device,
                    stream=stream,
                    launch=launch,
                )
                held.callback(execution.close)
                executions.append(execution)
            held.callback(stream.synchronize)
            encoder, decoder = executions
            return held.pop_all(), encoder, decoder
    except CudaError as error:
        fix = "close what else uses the GPU, or use another --backend"
        expected = f"a GPU that can hold the engines of {bundle.folder}"
        raise MissingDependencyError(expected=expected, got=str(error), fix=fix) from error


def _give_back(device: Device, held: ExitStack) -> None:
    # A GPU that has failed refuses this too, and has nothing left that could be given back.
    with suppress(CudaError), device:
        held.close()
