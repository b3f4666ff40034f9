"""TensorRT in memory: the calls that edge-nt makes, on a plan that carries the ONNX graph and runs it with onnxruntime.

Of the real package it has only names that `tests/engines/tensorrt_names.json` records for the version it plays; a test
holds it to that. Only tests import it.
"""

import json
import threading
from enum import Enum, IntEnum
from types import ModuleType

import numpy as np
import onnxruntime
from in_memory_gpu import Gpu

_MAGIC = b"plan in memory\n"


class Refusals:
    """What a test makes this TensorRT refuse: with a text each, or not at all."""

    typed_build: str | None = None
    build: str | None = None
    plan: str | None = None
    enqueue: str | None = None
    # Why CUDA does not start: a warning, and then neither builder nor runtime.
    start: str | None = None
    # Set by a build that its progress monitor asked to stop.
    cancelled: bool = False


def tensorrt_module(gpu: Gpu, version: str, refusals: Refusals) -> ModuleType:
    """The module `tensorrt` of a version over a device."""
    trt = ModuleType("tensorrt")
    trt.__version__ = version
    major = int(version.partition(".")[0])

    class Severity(IntEnum):
        INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

    class ILogger:
        def __init__(self) -> None:
            self.initialised = True

        def log(self, severity: Severity, msg: str) -> None:
            raise NotImplementedError

    ILogger.Severity = Severity

    class IProgressMonitor:
        def __init__(self) -> None:
            self.initialised = True

    class IHostMemory(bytes):
        pass

    DataType = Enum("DataType", ["FLOAT", "HALF", "INT8"])
    TensorIOMode = Enum("TensorIOMode", ["NONE", "INPUT", "OUTPUT"])
    MemoryPoolType = Enum("MemoryPoolType", ["WORKSPACE"])
    BuilderFlag = Enum("BuilderFlag", ["TF32", *(["FP16", "INT8"] if major < 11 else [])])
    creation = {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1} if major < 11 else {"STRONGLY_TYPED": 0}
    NetworkDefinitionCreationFlag = IntEnum("NetworkDefinitionCreationFlag", creation)

    class ITensor:
        def __init__(self, node) -> None:
            self.name, self.shape = node.name, tuple(node.shape)
            self.dtype = {"tensor(float)": DataType.FLOAT, "tensor(float16)": DataType.HALF}[node.type]

    class Graph:
        """What parser and engine know of ONNX bytes."""

        def __init__(self, content: bytes) -> None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self.content = content
            self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            self.inputs = [ITensor(node) for node in self.session.get_inputs()]
            self.outputs = [ITensor(node) for node in self.session.get_outputs()]

    class INetworkDefinition:
        def __init__(self, typed: bool) -> None:
            self._graph: Graph | None = None
            self._typed = typed

        num_inputs = property(lambda self: len(self._graph.inputs))
        num_outputs = property(lambda self: len(self._graph.outputs))

        def get_input(self, index: int) -> ITensor:
            return self._graph.inputs[index]

        def get_output(self, index: int) -> ITensor:
            return self._graph.outputs[index]

    class ITimingCache:
        def __init__(self, content: bytes) -> None:
            self._content = content

        def serialize(self) -> IHostMemory:
            return IHostMemory(self._content)

    class IBuilderConfig:
        progress_monitor: IProgressMonitor

        def __init__(self) -> None:
            self._flags, self._cache, self._workspace = {BuilderFlag.TF32}, None, None

        def set_flag(self, flag: BuilderFlag) -> None:
            self._flags.add(flag)

        def clear_flag(self, flag: BuilderFlag) -> None:
            self._flags.discard(flag)

        def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
            self._workspace = pool_size

        def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
            content = bytes(serialized_timing_cache)
            return ITimingCache(content) if content[:6] in (b"", b"timing") else None

        def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
            fits = cache._content in (b"", f"timing {gpu.compute_capability} {version}".encode())
            self._cache = cache if fits else self._cache
            return fits

        def get_timing_cache(self) -> ITimingCache:
            return ITimingCache(f"timing {gpu.compute_capability} {version}".encode())

    class Builder:
        def __init__(self, logger: ILogger) -> None:
            assert logger.initialised
            start(logger)
            self._logger = logger

        def create_network(self, flags: int = 0) -> INetworkDefinition:
            return INetworkDefinition(bool(flags & 1 << creation["STRONGLY_TYPED"]) or major >= 11)

        def create_builder_config(self) -> IBuilderConfig:
            return IBuilderConfig()

        def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> IHostMemory | None:
            assert config._cache is not None
            assert config._workspace
            assert config.progress_monitor.initialised
            assert BuilderFlag.TF32 not in config._flags
            # TensorRT calls the monitor from threads of its own.
            going_on: list[bool] = []
            thread = threading.Thread(target=_report, args=(config.progress_monitor, going_on))
            thread.start()
            thread.join()
            refusals.cancelled = not all(going_on)
            reason = (refusals.typed_build if network._typed else None) or refusals.build
            if not all(going_on) or reason:
                self._logger.log(Severity.WARNING, "some tactics were skipped")
                self._logger.log(Severity.ERROR, reason or "build was cancelled")
                return None
            if not network._typed:
                assert {BuilderFlag.INT8, BuilderFlag.FP16} <= config._flags
            header = json.dumps({"version": version, "sm": gpu.compute_capability, "typed": network._typed})
            return IHostMemory(_MAGIC + header.encode() + b"\n" + network._graph.content)

    class ParserError:
        def __init__(self, text: str) -> None:
            self._text = text

        def desc(self) -> str:
            return self._text

    class OnnxParser:
        def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
            self._network, self._errors = network, []

        num_errors = property(lambda self: len(self._errors))

        def parse(self, model: bytes) -> bool:
            try:
                self._network._graph = Graph(bytes(model))
            except Exception as error:
                self._errors.append(ParserError(str(error)))
            return not self._errors

        def get_error(self, index: int) -> ParserError:
            return self._errors[index]

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
            start(logger)
            self._logger = logger

        def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
            gpu.needs_context()
            start, _, rest = bytes(serialized_engine).partition(b"\n")
            header, _, content = rest.partition(b"\n")
            fits = start + b"\n" == _MAGIC and json.loads(header)["version"] == version
            if refusals.plan or not fits:
                self._logger.log(Severity.ERROR, refusals.plan or "Serialization assertion stdVersionRead failed")
                return None
            return ICudaEngine(Graph(content), self._logger)

    def start(logger: ILogger) -> None:
        if refusals.start:
            logger.log(Severity.WARNING, refusals.start)
            raise TypeError("pybind11::init(): factory function returned nullptr")

    def _report(monitor: IProgressMonitor, going_on: list[bool]) -> None:
        monitor.phase_start("Building", None, 3)
        monitor.phase_start("Timing", "Building", 1)
        going_on += [monitor.step_complete("Timing", 0)]
        monitor.phase_finish("Timing")
        going_on += [monitor.step_complete("Building", step) for step in range(3)]
        monitor.phase_finish("Building")

    for each in (DataType, TensorIOMode, MemoryPoolType, BuilderFlag, NetworkDefinitionCreationFlag, ILogger):
        setattr(trt, each.__name__, each)
    for each in (IProgressMonitor, IHostMemory, ITensor, INetworkDefinition, ITimingCache, IBuilderConfig, Builder):
        setattr(trt, each.__name__, each)
    for each in (ParserError, OnnxParser, ICudaEngine, IExecutionContext, Runtime):
        setattr(trt, each.__name__, each)
    return trt
