"""The device through pycuda. Checked against pycuda 2026.1's source; it has not run on a device yet."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import cast

import numpy as np

# This module is imported only where a device is opened, so the package is loaded here.
import pycuda.driver as cuda

from edge_nt.engines.cuda_driver import CudaError
from edge_nt.runtime.device import Buffer, Memory, Stream

# CU_STREAM_NON_BLOCKING, which pycuda has no name for.
_NON_BLOCKING = 1


class PycudaDevice:
    """Implements `edge_nt.runtime.device.Device`."""

    package = "pycuda"

    def __init__(self) -> None:
        try:
            cuda.init()
            # The primary context, which TensorRT and every other library on the CUDA runtime use: no second one.
            self._context = cuda.Device(0).retain_primary_context()
        except cuda.Error as error:
            raise CudaError(str(error)) from error

    def __enter__(self) -> None:
        try:
            self._context.push()
        except cuda.Error as error:
            raise CudaError(str(error)) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # A context that is left on a thread's stack aborts the process when the thread ends.
            self._context.pop()
        except cuda.Error as after:
            # A device that has failed says so at the next call, whichever that is.
            raise CudaError(str(error or after)) from after
        if isinstance(error, cuda.Error):
            raise CudaError(str(error)) from error

    def new_stream(self) -> Stream:
        """A stream of its own."""
        return _PycudaStream()

    def new_buffer(self, shape: tuple[int, ...], memory: Memory) -> Buffer:
        """Memory for float32 of a shape, zeros on the host."""
        flags = cuda.host_alloc_flags.DEVICEMAP if memory == "mapped" else 0
        with ExitStack() as undo:
            host = cuda.pagelocked_empty(shape, np.float32, mem_flags=flags)
            # The base of such an array is its allocation, which knows the address on the device.
            pinned = cast(cuda.PagelockedHostAllocation, host.base)
            undo.callback(pinned.free)
            host.fill(0)
            if memory == "mapped":
                address = int(pinned.get_device_pointer())
            else:
                allocation = cuda.mem_alloc(host.nbytes)
                undo.callback(allocation.free)
                address = int(allocation)
            return Buffer(host, address, copied=memory == "pinned", free=undo.pop_all().close)


class _PycudaStream:
    def __init__(self) -> None:
        self._stream = cuda.Stream(_NON_BLOCKING)
        self._to_device, self._to_host = cuda.memcpy_htod_async, cuda.memcpy_dtoh_async
        self.handle = self._stream.handle

    def upload(self, buffer: Buffer) -> None:
        self._to_device(buffer.address, buffer.host, self._stream)

    def download(self, buffer: Buffer) -> None:
        self._to_host(buffer.host, buffer.address, self._stream)

    def synchronize(self) -> None:
        self._stream.synchronize()

    def close(self) -> None:
        # pycuda destroys a stream with its last reference; here the device is current, in whatever thread this is.
        del self._stream
