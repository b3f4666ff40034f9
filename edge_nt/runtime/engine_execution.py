"""One plan ready to run: its execution context, its bound memory, and its recorded graph where it has one."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from edge_nt.engines.build import EngineTensor
from edge_nt.engines.cuda_driver import CudaError, StreamGraph, begin_capture, end_capture
from edge_nt.engines.engine_record import Graph
from edge_nt.engines.tensorrt_package import is_out_of_memory, last_words
from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.runtime.device import Buffer, Device, Memory, Stream
from edge_nt.runtime.launch import Launch

if TYPE_CHECKING:
    import tensorrt as trt


class EngineExecution:
    """A plan whose input and output are bound to memory once; the device must be current while it is made.

    `refused_graph` is why no CUDA graph was recorded although `launch` asked for one, else None.
    Raises: InputError when TensorRT does not take the plan, or it has other inputs and outputs than its sidecar says.
    """

    def __init__(
        self,
        plan: bytes,
        graph: Graph,
        tensors: tuple[EngineTensor, EngineTensor],
        *,
        runtime: trt.Runtime,
        complaints: list[str],
        device: Device,
        stream: Stream,
        launch: Launch,
    ) -> None:
        self._graph, self._complaints, self._device, self._stream = graph, complaints, device, stream
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None and any(map(is_out_of_memory, complaints)):
            raise self._failed("memory for the plan")
        if engine is None:
            raise self._unfit(f"a {graph} plan that TensorRT takes", last_words(complaints))
        if _tensors(engine) != set(tensors):
            raise self._unfit(f"a {graph} plan with {tensors}", f"{_tensors(engine)}")
        context = engine.create_execution_context()
        if context is None:
            raise self._failed("an execution context")
        # The runtime too must outlive its engines.
        self._runtime, self._engine, self._context = runtime, engine, context
        self._recorded: StreamGraph | None = None
        with ExitStack() as undo:
            self.input, self.output = (self._bound(tensor, launch.memory, undo) for tensor in tensors)
            # TensorRT does its last preparations in the first run; a recording before it would hold them too.
            self._enqueue()
            stream.synchronize()
            self.refused_graph = self._record() if launch.cuda_graph else None
            self._memory = undo.pop_all()

    def run(self) -> None:
        """Compute the output from the input, both on the host. Raises: MissingDependencyError when the device fails."""
        try:
            with self._device:
                if self._recorded is None:
                    self._enqueue()
                else:
                    self._recorded.launch(self._stream.handle)
                self._stream.synchronize()
        except CudaError as error:
            raise self._failed("a run", str(error)) from error

    def close(self) -> None:
        """Give everything back but the stream; the device must be current, and no run under way."""
        if self._recorded is not None:
            self._recorded.close()
        # TensorRT's objects before the memory that they are bound to, the context before its engine.
        del self._context
        del self._engine
        del self._runtime
        self._memory.close()

    def _bound(self, tensor: EngineTensor, memory: Memory, undo: ExitStack) -> Buffer:
        buffer = self._device.new_buffer(tensor.shape, memory)
        undo.callback(buffer.free)
        if not self._context.set_tensor_address(tensor.name, buffer.address):
            raise self._failed(f"an address for {tensor.name}")
        return buffer

    def _enqueue(self) -> None:
        if self.input.copied:
            self._stream.upload(self.input)
        if not self._context.execute_async_v3(self._stream.handle):
            raise self._failed("a run")
        if self.output.copied:
            self._stream.download(self.output)

    def _record(self) -> str | None:
        """Record a run, or say why that cannot be done."""
        stream = self._stream.handle
        try:
            # Once more, although it is current: leaving turns the errors of its package into one type.
            with self._device:
                begin_capture(stream)
                try:
                    self._enqueue()
                except BaseException:
                    # Else the stream would go on recording what frames give it.
                    with suppress(CudaError):
                        end_capture(stream).close()
                    raise
                self._recorded = end_capture(stream)
        except (CudaError, MissingDependencyError) as error:
            return str(error)
        return None

    def _unfit(self, expected: str, got: str) -> InputError:
        return InputError(expected=expected, got=got, fix="run `edge-nt build` again on this machine")

    def _failed(self, what: str, reason: str | None = None) -> MissingDependencyError:
        return MissingDependencyError(
            expected=f"{what} of the {self._graph} on the GPU",
            got=reason or f"TensorRT: {last_words(self._complaints)}",
            fix="close what else uses the GPU, check it with `edge-nt doctor --self-test`, or use another --backend",
        )


def _tensors(engine: trt.ICudaEngine) -> set[EngineTensor]:
    import tensorrt as trt

    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    return {
        EngineTensor(
            name,
            engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT,
            tuple(engine.get_tensor_shape(name)),
            engine.get_tensor_dtype(name).name,
        )
        for name in names
    }
