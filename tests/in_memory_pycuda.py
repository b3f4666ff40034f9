"""pycuda over the GPU in memory. Only tests import it."""

from types import ModuleType, SimpleNamespace

import numpy as np
from in_memory_gpu import DriverError, Gpu, Stream, copy_to_device, copy_to_host


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
    driver.memcpy_htod_async = guarded(lambda dest, src, stream: copy_to_device(gpu, dest, src, stream._stream))
    driver.memcpy_dtoh_async = guarded(lambda dest, src, stream: copy_to_host(gpu, dest, src, stream._stream))
    package = ModuleType("pycuda")
    package.driver, package.__path__ = driver, []
    return {"pycuda": package, "pycuda.driver": driver}
