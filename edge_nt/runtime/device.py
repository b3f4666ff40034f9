"""Memory and streams of the first CUDA device: what a session needs of pycuda or of cuda-python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import TracebackType
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_nt.engines.cuda_driver import CudaError, device_facts
from edge_nt.errors import MissingDependencyError

# Pinned: page-locked host memory that is copied to the device and back. Mapped: such memory that the device reads and
# writes in place; worth a try where GPU and processor share their memory. Managed memory is left out: on a Jetson the
# processor must not touch it while any kernel runs, and the frames of several sessions overlap.
Memory = Literal["pinned", "mapped"]
MEMORIES: tuple[Memory, Memory] = ("pinned", "mapped")


@dataclass(frozen=True)
class Buffer:
    """Host memory float32 and the address at which the device sees its content; `copied` when these are two places.

    `free` gives both back, once, with the device current and nothing of the stream's work left to do.
    """

    host: NDArray[np.float32]
    address: int
    copied: bool
    free: Callable[[], None]


class Stream(Protocol):
    """Work in order, beside other streams'; the device must be current for all of these."""

    @property
    def handle(self) -> int:
        """CUDA's own stream, as a number."""

    def upload(self, buffer: Buffer) -> None:
        """Copy host → device, once earlier work is done."""

    def download(self, buffer: Buffer) -> None:
        """Copy device → host, once earlier work is done."""

    def synchronize(self) -> None:
        """Wait for all work."""

    def close(self) -> None:
        """Give the stream back, when all its work is done."""


class Device(Protocol):
    """The first device; ``with device:`` makes it current in this thread, through the context that all libraries share.

    Whatever CUDA refuses in there leaves it as a `CudaError`.
    """

    @property
    def package(self) -> str:
        """The package behind it."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def new_stream(self) -> Stream:
        """A stream of its own, which does not wait for the default one."""

    def new_buffer(self, shape: tuple[int, ...], memory: Memory) -> Buffer:
        """Memory for float32 of a shape, zeros on the host."""


@cache
def open_device() -> Device:
    """The first device, through pycuda, or cuda-python where that is what the machine has; one for the whole process.

    Raises: MissingDependencyError without a driver, a device that can be opened, or either package in working order.
    """
    device_facts()
    try:
        if find_spec("pycuda") is not None:
            from edge_nt.runtime.pycuda_device import PycudaDevice

            return PycudaDevice()
        from edge_nt.runtime.cuda_python_device import CudaPythonDevice

        return CudaPythonDevice()
    except ImportError as error:
        raise MissingDependencyError(
            expected="the package pycuda or cuda-python",
            got=str(error),
            fix="pip install pycuda (or cuda-python), or use another --backend than tensorrt",
        ) from error
    except CudaError as error:
        raise MissingDependencyError(
            expected="a GPU that can be opened",
            got=str(error),
            fix="close what else uses the GPU, or use another --backend than tensorrt",
        ) from error
