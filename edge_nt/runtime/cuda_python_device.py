"""The device through cuda-python, for machines that have it instead of pycuda; it has not run on a device yet."""

from __future__ import annotations

import ctypes
from contextlib import ExitStack
from math import prod
from types import TracebackType
from typing import TypeVar

import numpy as np

from edge_nt.engines.cuda_driver import CudaError
from edge_nt.runtime.device import Buffer, Memory, Stream

# This module is imported only where a device is opened, so the package is loaded here.
try:
    from cuda.bindings import runtime as cuda
except ImportError:  # Before 12.6 the same functions stood elsewhere.
    from cuda import cudart as cuda  # type: ignore[attr-defined, no-redef]

Result = TypeVar("Result")


class CudaPythonDevice:
    """Implements `edge_nt.runtime.device.Device`."""

    package = "cuda-python"

    def __enter__(self) -> None:
        # The CUDA runtime's context of a device is its primary one. Nothing is to be undone at the end.
        _done("cudaSetDevice", cuda.cudaSetDevice(0))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def new_stream(self) -> Stream:
        """A stream of its own."""
        return _CudaPythonStream()

    def new_buffer(self, shape: tuple[int, ...], memory: Memory) -> Buffer:
        """Memory for float32 of a shape, zeros on the host."""
        flags = cuda.cudaHostAllocMapped if memory == "mapped" else cuda.cudaHostAllocDefault
        with ExitStack() as undo:
            pinned = _value("cudaHostAlloc", cuda.cudaHostAlloc(4 * prod(shape), flags))
            undo.callback(lambda: _done("cudaFreeHost", cuda.cudaFreeHost(pinned)))
            host = np.ctypeslib.as_array((ctypes.c_float * prod(shape)).from_address(int(pinned))).reshape(shape)
            host.fill(0)
            if memory == "mapped":
                address = _value("cudaHostGetDevicePointer", cuda.cudaHostGetDevicePointer(pinned, 0))
            else:
                address = _value("cudaMalloc", cuda.cudaMalloc(host.nbytes))
                undo.callback(lambda: _done("cudaFree", cuda.cudaFree(address)))
            return Buffer(host, int(address), copied=memory == "pinned", free=undo.pop_all().close)


class _CudaPythonStream:
    def __init__(self) -> None:
        flags = cuda.cudaStreamNonBlocking
        self._stream = _value("cudaStreamCreateWithFlags", cuda.cudaStreamCreateWithFlags(flags))
        self.handle = int(self._stream)

    def upload(self, buffer: Buffer) -> None:
        self._copy(buffer.address, buffer.host.ctypes.data, buffer, cuda.cudaMemcpyKind.cudaMemcpyHostToDevice)

    def download(self, buffer: Buffer) -> None:
        self._copy(buffer.host.ctypes.data, buffer.address, buffer, cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost)

    def synchronize(self) -> None:
        _done("cudaStreamSynchronize", cuda.cudaStreamSynchronize(self._stream))

    def close(self) -> None:
        _done("cudaStreamDestroy", cuda.cudaStreamDestroy(self._stream))

    def _copy(self, to: int, source: int, buffer: Buffer, kind: cuda.cudaMemcpyKind) -> None:
        _done("cudaMemcpyAsync", cuda.cudaMemcpyAsync(to, source, buffer.host.nbytes, kind, self._stream))


def _value(name: str, result: tuple[cuda.cudaError_t, Result]) -> Result:
    _done(name, result[:1])
    return result[1]


def _done(name: str, result: tuple[cuda.cudaError_t]) -> None:
    state = result[0]
    if int(state):
        text = cuda.cudaGetErrorString(state)[1]
        raise CudaError(f"{name}: {text.decode(errors='replace')}")
