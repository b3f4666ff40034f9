"""A GPU in memory: its memory, streams and contexts, on host arrays behind made-up device addresses.

It does nothing early: work waits in its stream until someone synchronises. It forgives nothing: a call without a
current context, an address that was freed, a size that does not fit, all fail as on a device. Only tests import it.
"""

import threading
from collections.abc import Callable

import numpy as np

ERRORS = {0: "no error", 1: "invalid argument", 2: "out of memory", 100: "no CUDA-capable device is detected"}
ERRORS |= {
    201: "invalid device context",
    400: "invalid resource handle",
    700: "an illegal memory access was encountered",
}
ERRORS |= {900: "operation not permitted when stream is capturing", 901: "stream capture was invalidated"}


class DriverError(Exception):
    """What a call to the in-memory driver ends with; `code` is CUDA's."""

    def __init__(self, code: int) -> None:
        super().__init__(ERRORS[code])
        self.code = code


class Gpu:
    """One device: its memory, streams, and each thread's stack of contexts. The public fields may be set by a test."""

    def __init__(self) -> None:
        self.name, self.compute_capability, self.cuda, self.integrated = "In-memory GPU", (8, 7), 12060, 1
        self.devices, self.init_error, self.free_bytes = 1, 0, 1 << 30
        self.memory: dict[int, np.ndarray] = {}
        self.streams: dict[int, Stream] = {}
        self.graphs: dict[int, list[Callable[[], None]]] = {}
        self.allocations = self.launches = self.graph_launches = 0
        # The next synchronisation fails with this code, as after a kernel that went wrong.
        self.fault = 0
        # Host memory cannot be mapped.
        self.mapping_refused = False
        # Contexts can be retained, pushed and popped with this code only: 0 is success.
        self.context_error = 0
        # A recording is refused from its start, or breaks at the first work that it is given.
        self.capture_refused = self.capture_breaks = False
        self._next_handle = 0x7000_0000_0000
        self._contexts = threading.local()

    @property
    def stack(self) -> list[object]:
        """The contexts of this thread; the last is current."""
        if not hasattr(self._contexts, "stack"):
            self._contexts.stack = []
        return self._contexts.stack

    def needs_context(self) -> None:
        if not self.stack:
            raise DriverError(201)

    def check_context(self) -> None:
        if self.context_error:
            raise DriverError(self.context_error)

    def handle(self) -> int:
        self._next_handle += 0x1000
        return self._next_handle

    def allocate(self, size_bytes: int, content: np.ndarray | None = None) -> int:
        """Device memory; `content` is the host memory that it maps, None for memory of its own."""
        self.needs_context()
        if size_bytes > self.free_bytes:
            raise DriverError(2)
        self.allocations += 1
        self.free_bytes -= size_bytes
        address = self.handle() + (size_bytes // 0x1000) * 0x1000
        self._next_handle = address + size_bytes
        self.memory[address] = np.full(size_bytes, 0xFF, np.uint8) if content is None else content
        return address

    def free(self, address: int) -> None:
        self.needs_context()
        if address not in self.memory:
            raise DriverError(1)
        self.free_bytes += self.memory.pop(address).nbytes

    def at(self, address: int, size_bytes: int) -> np.ndarray:
        """The bytes at an address, exactly so many."""
        if address not in self.memory or self.memory[address].nbytes != size_bytes:
            raise DriverError(700)
        return self.memory[address]

    def stream(self, handle: int) -> "Stream":
        self.needs_context()
        if handle not in self.streams:
            raise DriverError(400)
        return self.streams[handle]


class Stream:
    """Work in order, run when somebody synchronises; recorded instead while capturing."""

    def __init__(self, gpu: Gpu) -> None:
        gpu.needs_context()
        self.gpu, self.handle = gpu, gpu.handle()
        self.work: list[Callable[[], None]] = []
        self.recording: list[Callable[[], None]] | None = None
        self.spoiled = False
        gpu.streams[self.handle] = self

    def add(self, work: Callable[[], None]) -> None:
        self.gpu.needs_context()
        if self.recording is not None and self.gpu.capture_breaks:
            self.spoiled = True
            raise DriverError(900)
        if self.recording is None:
            self.work.append(work)
        else:
            self.recording.append(work)

    def synchronize(self) -> None:
        self.gpu.needs_context()
        if self.recording is not None:
            self.spoiled = True
            raise DriverError(900)
        work, self.work = self.work, []
        for each in work:
            each()
        if self.gpu.fault:
            raise DriverError(self.gpu.fault)


def copy_to_device(gpu: Gpu, address: int, host: np.ndarray, stream: Stream) -> None:
    def copy() -> None:
        gpu.at(address, host.nbytes)[:] = host.reshape(-1).view(np.uint8)

    stream.add(copy)


def copy_to_host(gpu: Gpu, host: np.ndarray, address: int, stream: Stream) -> None:
    def copy() -> None:
        host.reshape(-1).view(np.uint8)[:] = gpu.at(address, host.nbytes)

    stream.add(copy)
