"""cuda-python over the GPU in memory. Only tests import it."""

import ctypes
from enum import IntEnum
from types import ModuleType

import numpy as np
from in_memory_gpu import ERRORS, DriverError, Gpu, Stream, copy_to_device, copy_to_host


def cuda_python_modules(gpu: Gpu) -> dict[str, ModuleType]:
    """`cuda.bindings.runtime` over a device: every function gives a tuple that begins with the error."""
    runtime = ModuleType("cuda.bindings.runtime")
    hosts: dict[int, tuple[np.ndarray, int]] = {}
    runtime.cudaError_t = IntEnum("cudaError_t", {f"code{code}": code for code in ERRORS})
    runtime.cudaMemcpyKind = IntEnum("cudaMemcpyKind", {"cudaMemcpyHostToDevice": 1, "cudaMemcpyDeviceToHost": 2})
    runtime.cudaHostAllocDefault, runtime.cudaHostAllocMapped, runtime.cudaStreamNonBlocking = 0, 2, 1

    def offered(function):
        def call(*arguments):
            try:
                result = function(*arguments)
            except DriverError as error:
                return (runtime.cudaError_t(error.code), None)
            return (runtime.cudaError_t(0),) if result is None else (runtime.cudaError_t(0), result)

        setattr(runtime, function.__name__, call)

    @offered
    def cudaSetDevice(device: int) -> None:
        gpu.check_context()
        if not gpu.stack:
            gpu.stack.append("primary")

    @offered
    def cudaMalloc(size: int) -> int:
        return gpu.allocate(size)

    @offered
    def cudaFree(address: int) -> None:
        gpu.free(address)

    @offered
    def cudaHostAlloc(size: int, flags: int) -> int:
        content = np.full(size, 0xFF, np.uint8)
        hosts[content.ctypes.data] = content, gpu.allocate(size, content)
        return content.ctypes.data

    @offered
    def cudaHostGetDevicePointer(pointer: int, flags: int) -> int:
        if gpu.mapping_refused:
            raise DriverError(1)
        return hosts[pointer][1]

    @offered
    def cudaFreeHost(pointer: int) -> None:
        gpu.free(hosts.pop(pointer)[1])

    @offered
    def cudaMemcpyAsync(to: int, source: int, count: int, kind: int, stream: Stream) -> None:
        host = (ctypes.c_uint8 * count).from_address(source if kind == 1 else to)
        if kind == 1:
            copy_to_device(gpu, to, np.ctypeslib.as_array(host), stream)
        else:
            copy_to_host(gpu, np.ctypeslib.as_array(host), source, stream)

    class Handle(Stream):
        def __int__(self) -> int:
            return self.handle

    @offered
    def cudaStreamCreateWithFlags(flags: int) -> Handle:
        return Handle(gpu)

    @offered
    def cudaStreamSynchronize(stream: Handle) -> None:
        stream.synchronize()

    @offered
    def cudaStreamDestroy(stream: Handle) -> None:
        del gpu.streams[stream.handle]

    runtime.cudaGetErrorString = lambda error: (runtime.cudaError_t(0), ERRORS[int(error)].encode())
    package, bindings = ModuleType("cuda"), ModuleType("cuda.bindings")
    package.bindings, bindings.runtime, package.__path__, bindings.__path__ = bindings, runtime, [], []
    return {"cuda": package, "cuda.bindings": bindings, "cuda.bindings.runtime": runtime}
