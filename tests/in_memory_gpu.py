"""A GPU in memory: what libcuda, pycuda and cuda-python do, on host arrays behind made-up device addresses.

It does nothing early: work waits in its stream until someone synchronises. It forgives nothing: a call without a
current context, an address that was freed, a size that does not fit, all fail as on a device. Only tests import it.
"""

import ctypes
import threading
from collections.abc import Callable
from enum import IntEnum
from types import ModuleType, SimpleNamespace

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


class Libcuda:
    """The driver's C functions as ctypes calls them."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def __getattribute__(self, name: str):
        found = super().__getattribute__(name)
        if not name.startswith("cu"):
            return found

        def call(*arguments: object) -> int:
            try:
                return found(*arguments) or 0
            except DriverError as error:
                return error.code

        return call

    def cuInit(self, flags) -> int:
        return self.gpu.init_error

    def cuDeviceGetCount(self, count) -> None:
        count._obj.value = self.gpu.devices

    def cuDeviceGet(self, device, ordinal) -> None:
        device._obj.value = ordinal.value

    def cuDeviceGetName(self, name, size, device) -> None:
        name.value = self.gpu.name.encode()[: size.value - 1]

    def cuDriverGetVersion(self, version) -> None:
        version._obj.value = self.gpu.cuda

    def cuDeviceGetAttribute(self, value, attribute, device) -> None:
        major, minor = self.gpu.compute_capability
        value._obj.value = {75: major, 76: minor, 18: self.gpu.integrated}[attribute.value]

    def cuGetErrorString(self, code, text) -> int:
        if code.value not in ERRORS:
            return 1
        text._obj.value = ERRORS[code.value].encode()
        return 0

    def cuMemGetInfo_v2(self, free, total) -> None:
        self.gpu.needs_context()
        free._obj.value = self.gpu.free_bytes

    def cuStreamBeginCapture_v2(self, stream, mode) -> None:
        if self.gpu.capture_refused:
            raise DriverError(1)
        found = self.gpu.stream(stream.value)
        if found.work:
            raise DriverError(1)
        found.recording, found.spoiled = [], False

    def cuStreamEndCapture(self, stream, graph) -> None:
        found = self.gpu.stream(stream.value)
        recording, found.recording = found.recording, None
        if recording is None or found.spoiled:
            raise DriverError(901)
        graph._obj.value = self.gpu.handle()
        self.gpu.graphs[graph._obj.value] = recording

    def cuGraphInstantiateWithFlags(self, executable, graph, flags) -> None:
        executable._obj.value = self.gpu.handle()
        self.gpu.graphs[executable._obj.value] = self.gpu.graphs[graph.value]

    def cuGraphLaunch(self, executable, stream) -> None:
        if executable.value not in self.gpu.graphs:
            raise DriverError(400)
        for work in self.gpu.graphs[executable.value]:
            self.gpu.stream(stream.value).add(work)
        self.gpu.graph_launches += 1

    def cuGraphDestroy(self, graph) -> None:
        del self.gpu.graphs[graph.value]

    def cuGraphExecDestroy(self, executable) -> None:
        self.gpu.needs_context()
        del self.gpu.graphs[executable.value]


def _copy_to_device(gpu: Gpu, address: int, host: np.ndarray, stream: Stream) -> None:
    def copy() -> None:
        gpu.at(address, host.nbytes)[:] = host.reshape(-1).view(np.uint8)

    stream.add(copy)


def _copy_to_host(gpu: Gpu, host: np.ndarray, address: int, stream: Stream) -> None:
    def copy() -> None:
        host.reshape(-1).view(np.uint8)[:] = gpu.at(address, host.nbytes)

    stream.add(copy)


def pycuda_modules(gpu: Gpu) -> dict[str, ModuleType]:
    """`pycuda` and `pycuda.driver` over a device."""

    class Error(Exception):
        pass

    def guarded(function):
        def call(*arguments, **options):
            try:
                return function(*arguments, **options)
            except DriverError as error:
                raise Error(f"{function.__name__} failed: {error}") from error

        return call

    class Context:
        @guarded
        def push(self) -> None:
            gpu.check_context()
            gpu.stack.append(self)

        @staticmethod
        @guarded
        def pop() -> None:
            gpu.needs_context()
            gpu.stack.pop()
            gpu.check_context()

    primary = Context()

    class Device:
        def __init__(self, number: int) -> None:
            if number >= gpu.devices:
                raise Error("cuDeviceGet failed: invalid device ordinal")

        @guarded
        def retain_primary_context(self) -> Context:
            gpu.check_context()
            return primary

    class PycudaStream:
        @guarded
        def __init__(self, flags: int = 0) -> None:
            self._stream = Stream(gpu)

        handle = property(lambda self: self._stream.handle)

        @guarded
        def synchronize(self) -> None:
            self._stream.synchronize()

        def __del__(self) -> None:
            gpu.streams.pop(self._stream.handle, None)

    class DeviceAllocation:
        @guarded
        def __init__(self, size_bytes: int) -> None:
            self._address = gpu.allocate(size_bytes)

        def __int__(self) -> int:
            return self._address

        @guarded
        def free(self) -> None:
            gpu.free(self._address)

    class PagelockedHostAllocation:
        def __init__(self, shape: tuple[int, ...], mapped: bool) -> None:
            self.bytes = np.full(4 * int(np.prod(shape)), 0xFF, np.uint8)
            self.__array_interface__ = self.bytes.view(np.float32).reshape(shape).__array_interface__
            self._address = gpu.allocate(self.bytes.nbytes, self.bytes)
            self._mapped = mapped

        @guarded
        def get_device_pointer(self) -> int:
            if gpu.mapping_refused or not self._mapped:
                raise DriverError(1)
            return self._address

        @guarded
        def free(self) -> None:
            gpu.free(self._address)
            self.bytes[:] = 0xFF

    @guarded
    def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
        assert dtype is np.float32
        return np.asarray(PagelockedHostAllocation(shape, mem_flags == 2))

    driver = ModuleType("pycuda.driver")
    driver.Error, driver.Context, driver.Device, driver.Stream = Error, Context, Device, PycudaStream
    driver.PagelockedHostAllocation, driver.DeviceAllocation = PagelockedHostAllocation, DeviceAllocation
    driver.host_alloc_flags = SimpleNamespace(DEVICEMAP=2)
    driver.init = lambda flags=0: None
    driver.mem_alloc, driver.pagelocked_empty = DeviceAllocation, pagelocked_empty
    driver.memcpy_htod_async = guarded(lambda dest, src, stream: _copy_to_device(gpu, dest, src, stream._stream))
    driver.memcpy_dtoh_async = guarded(lambda dest, src, stream: _copy_to_host(gpu, dest, src, stream._stream))
    package = ModuleType("pycuda")
    package.driver, package.__path__ = driver, []
    return {"pycuda": package, "pycuda.driver": driver}


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
            _copy_to_device(gpu, to, np.ctypeslib.as_array(host), stream)
        else:
            _copy_to_host(gpu, np.ctypeslib.as_array(host), source, stream)

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
