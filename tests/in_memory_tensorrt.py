"""TensorRT in memory: the calls that edge-nt makes, on a plan that carries the ONNX graph and runs it with onnxruntime.

Of the real package it has only names that `tests/engines/tensorrt_names.json` records for the version it plays; a test
holds it to that. Only tests import it.
"""

import json
import threading
from enum import Enum, IntEnum
from types import ModuleType

from in_memory_engine import TensorIOMode, engine_classes
from in_memory_gpu import Gpu
from in_memory_plan import MAGIC, DataType, Graph, ITensor
from in_memory_refusals import ILogger, Refusals, Severity, start


def tensorrt_module(gpu: Gpu, version: str, refusals: Refusals) -> ModuleType:
    """The module `tensorrt` of a version over a device."""
    trt = ModuleType("tensorrt")
    trt.__version__ = version
    major = int(version.partition(".")[0])

    class IProgressMonitor:
        def __init__(self) -> None:
            self.initialised = True

    class IHostMemory(bytes):
        pass

    MemoryPoolType = Enum("MemoryPoolType", ["WORKSPACE"])
    BuilderFlag = Enum("BuilderFlag", ["TF32", *(["FP16", "INT8"] if major < 11 else [])])
    creation = {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1} if major < 11 else {"STRONGLY_TYPED": 0}
    NetworkDefinitionCreationFlag = IntEnum("NetworkDefinitionCreationFlag", creation)

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
            start(logger, refusals)
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
            return IHostMemory(MAGIC + header.encode() + b"\n" + network._graph.content)

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
    for each in (ParserError, OnnxParser, *engine_classes(gpu, version, refusals)):
        setattr(trt, each.__name__, each)
    return trt
