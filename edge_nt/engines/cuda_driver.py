"""NVIDIA's driver library, which every machine with a usable GPU has: what device is there, and CUDA graphs.

Called through ctypes, so that a machine can say what it lacks before any package is installed. pycuda has no CUDA
graphs, so they are recorded here for every package: a stream's handle is the same number to all of them.
No line of this has run on a device yet: see docs/tensorrt.md.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from edge_nt.errors import MissingDependencyError

_LIBRARY = "libcuda.so.1"
_NO_DEVICE = 100
# CUdevice_attribute: the two halves of the compute capability, and whether the GPU shares the processor's memory.
_MAJOR, _MINOR, _INTEGRATED = 75, 76, 18
# CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads do meanwhile does not spoil the recording.
_CAPTURE_THREAD_LOCAL = 1


class CudaError(RuntimeError):
    """A call to the driver failed; the text names the call and CUDA's reason."""


@dataclass(frozen=True)
class DeviceFacts:
    """The first CUDA device: its name, compute capability such as ``8.7``, and the newest CUDA its driver runs.

    `integrated` says whether it shares the processor's memory, as on a Jetson.
    """

    name: str
    compute_capability: str
    cuda: str
    integrated: bool


def device_facts() -> DeviceFacts:
    """What the first device is. Raises: MissingDependencyError without a driver, or without a device that answers."""
    try:
        return _facts(_initialised_driver())
    except CudaError as error:
        raise MissingDependencyError(
            expected="an NVIDIA GPU that its driver can use",
            got=str(error),
            fix="check the GPU with nvidia-smi, or run bundles with another --backend",
        ) from error


def _facts(driver: Any) -> DeviceFacts:
    device, version = ctypes.c_int(), ctypes.c_int()
    _call(driver, "cuDeviceGet", ctypes.byref(device), ctypes.c_int(0))
    name = ctypes.create_string_buffer(256)
    _call(driver, "cuDeviceGetName", name, ctypes.c_int(len(name)), device)
    _call(driver, "cuDriverGetVersion", ctypes.byref(version))
    major, minor, integrated = (_attribute(driver, which, device) for which in (_MAJOR, _MINOR, _INTEGRATED))
    return DeviceFacts(
        name.value.decode(errors="replace"),
        f"{major}.{minor}",
        f"{version.value // 1000}.{version.value % 1000 // 10}",
        bool(integrated),
    )


def free_memory_bytes() -> int:
    """How much of the device's memory is free; the device must be current in this thread. Raises: CudaError."""
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    _call(load_driver(), "cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
    return free.value


class StreamGraph:
    """What a stream was given between `begin_capture` and `end_capture`, to be launched again as one piece of work."""

    def __init__(self, driver: Any, graph: ctypes.c_void_p) -> None:
        self._driver = driver
        self._executable = ctypes.c_void_p()
        try:
            # No flags: nothing in these graphs allocates memory.
            _call(driver, "cuGraphInstantiateWithFlags", ctypes.byref(self._executable), graph, ctypes.c_ulonglong(0))
        finally:
            _call(driver, "cuGraphDestroy", graph)

    def launch(self, stream: int) -> None:
        """Put the recorded work into the stream of this handle. Raises: CudaError."""
        _call(self._driver, "cuGraphLaunch", self._executable, ctypes.c_void_p(stream))

    def close(self) -> None:
        """Give back what the driver holds; the device must be current in this thread, and the work must be done."""
        if self._executable:
            _call(self._driver, "cuGraphExecDestroy", self._executable)
            self._executable = ctypes.c_void_p()


def begin_capture(stream: int) -> None:
    """Record what the stream of this handle is given from now on, instead of running it. Raises: CudaError."""
    _call(load_driver(), "cuStreamBeginCapture_v2", ctypes.c_void_p(stream), ctypes.c_int(_CAPTURE_THREAD_LOCAL))


def end_capture(stream: int) -> StreamGraph:
    """End a recording, so that the stream runs its work again. Raises: CudaError for a recording that failed."""
    driver, graph = load_driver(), ctypes.c_void_p()
    _call(driver, "cuStreamEndCapture", ctypes.c_void_p(stream), ctypes.byref(graph))
    return StreamGraph(driver, graph)


def load_driver() -> Any:
    """The driver library. Raises: MissingDependencyError where there is none."""
    try:
        return ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise MissingDependencyError(
            expected="an NVIDIA GPU and its driver",
            got=f"no driver library {_LIBRARY}",
            fix="install NVIDIA's driver (on a Jetson: JetPack), or run bundles with another --backend",
        ) from error


def _initialised_driver() -> Any:
    driver, count = load_driver(), ctypes.c_int()
    state = driver.cuInit(ctypes.c_uint(0))
    if state == 0:
        _call(driver, "cuDeviceGetCount", ctypes.byref(count))
    if count.value == 0:
        raise MissingDependencyError(
            expected="an NVIDIA GPU that its driver can use",
            got="no CUDA device" if state in (0, _NO_DEVICE) else f"cuInit: {_reason(driver, state)}",
            fix="check the GPU with nvidia-smi and CUDA_VISIBLE_DEVICES, or run bundles with another --backend",
        )
    return driver


def _attribute(driver: Any, attribute: int, device: ctypes.c_int) -> int:
    value = ctypes.c_int()
    _call(driver, "cuDeviceGetAttribute", ctypes.byref(value), ctypes.c_int(attribute), device)
    return value.value


def _call(driver: Any, name: str, *arguments: Any) -> None:
    state = getattr(driver, name)(*arguments)
    if state:
        raise CudaError(f"{name}: {_reason(driver, state)}")


def _reason(driver: Any, state: int) -> str:
    text = ctypes.c_char_p()
    known = driver.cuGetErrorString(ctypes.c_int(state), ctypes.byref(text)) == 0 and text.value
    return text.value.decode(errors="replace") if known and text.value else f"CUDA error {state}"
