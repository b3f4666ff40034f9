"""The engines of the TensorRT in memory: they run a plan's graph in a stream of the device. Only tests import it."""

import json
from enum import Enum

import numpy as np
from in_memory_gpu import Gpu
from in_memory_plan import MAGIC, DataType, Graph, ITensor
from in_memory_refusals import ILogger, Refusals, Severity, start

TensorIOMode = Enum("TensorIOMode", ["NONE", "INPUT", "OUTPUT"])


def engine_classes(gpu: Gpu, version: str, refusals: Refusals) -> tuple[type, ...]:
    """Engine, context and runtime of a version over a device."""

    class ICudaEngine:
        def __init__(self, graph: Graph, logger: ILogger) -> None:
            self._graph, self._logger = graph, logger
            self._tensors = {tensor.name: tensor for tensor in (*graph.inputs, *graph.outputs)}

        num_io_tensors = property(lambda self: len(self._tensors))

        def get_tensor_name(self, index: int) -> str:
            return list(self._tensors)[index]

        def get_tensor_mode(self, name: str) -> TensorIOMode:
            return TensorIOMode.INPUT if self._tensors[name] in self._graph.inputs else TensorIOMode.OUTPUT

        def get_tensor_shape(self, name: str) -> tuple[int, ...]:
            return self._tensors[name].shape

        def get_tensor_dtype(self, name: str) -> DataType:
            return self._tensors[name].dtype

        def create_execution_context(self) -> "IExecutionContext | None":
            gpu.needs_context()
            return IExecutionContext(self)

    class IExecutionContext:
        def __init__(self, engine: ICudaEngine) -> None:
            self._engine, self._addresses, self._prepared = engine, {}, False

        def set_tensor_address(self, name: str, memory: int) -> bool:
            if name not in self._engine._tensors:
                self._engine._logger.log(Severity.ERROR, f"Given invalid tensor name: {name}")
                return False
            self._addresses[name] = memory
            return True

        def execute_async_v3(self, stream_handle: int) -> bool:
            engine, stream = self._engine, gpu.stream(stream_handle)
            missing = set(engine._tensors) - set(self._addresses)
            if missing or refusals.enqueue:
                engine._logger.log(Severity.ERROR, refusals.enqueue or f"Address is not set for {missing}")
                return False
            if stream.recording is not None and not self._prepared:
                stream.spoiled = True
            self._prepared = True
            stream.add(self._run)
            gpu.launches += 1
            return True

        def _run(self) -> None:
            graph = self._engine._graph
            feeds = {tensor.name: self._array(tensor) for tensor in graph.inputs}
            for tensor, result in zip(graph.outputs, graph.session.run(None, feeds), strict=True):
                self._array(tensor)[...] = result

        def _array(self, tensor: ITensor) -> np.ndarray:
            dtype = np.float32 if tensor.dtype is DataType.FLOAT else np.float16
            size_bytes = int(np.prod(tensor.shape)) * np.dtype(dtype).itemsize
            return gpu.at(self._addresses[tensor.name], size_bytes).view(dtype).reshape(tensor.shape)

    class Runtime:
        def __init__(self, logger: ILogger) -> None:
            assert logger.initialised
            start(logger, refusals)
            self._logger = logger

        def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
            gpu.needs_context()
            start, _, rest = bytes(serialized_engine).partition(b"\n")
            header, _, content = rest.partition(b"\n")
            fits = start + b"\n" == MAGIC and json.loads(header)["version"] == version
            if refusals.plan or not fits:
                self._logger.log(Severity.ERROR, refusals.plan or "Serialization assertion stdVersionRead failed")
                return None
            return ICudaEngine(Graph(content), self._logger)

    return ICudaEngine, IExecutionContext, Runtime
