"""Puts the GPU in memory, its packages and TensorRT where edge-nt looks for the real ones."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

import pytest
from in_memory_cuda_python import cuda_python_modules
from in_memory_gpu import Gpu
from in_memory_libcuda import Libcuda
from in_memory_pycuda import pycuda_modules
from in_memory_refusals import Refusals
from in_memory_tensorrt import tensorrt_module

from edge_nt.engines import cuda_driver
from edge_nt.runtime import device as device_room

_PACKAGES: dict[str, Callable] = {"pycuda": pycuda_modules, "cuda-python": cuda_python_modules}
_ROOMS = ("edge_nt.runtime.pycuda_device", "edge_nt.runtime.cuda_python_device")


@dataclass(frozen=True)
class InMemoryDevice:
    """The device, what TensorRT refuses, and the means to become another machine."""

    gpu: Gpu
    refusals: Refusals
    become: Callable[..., None]


def install(monkeypatch: pytest.MonkeyPatch) -> InMemoryDevice:
    """A machine with TensorRT 10.3.0 and pycuda on the GPU in memory, until the end of the test."""
    gpu, refusals = Gpu(), Refusals()

    def become(*, tensorrt: str | None = "10.3.0", package: str | None = "pycuda") -> None:
        for name in ("tensorrt", "pycuda", "pycuda.driver", "cuda", "cuda.bindings", "cuda.bindings.runtime", *_ROOMS):
            monkeypatch.delitem(sys.modules, name, raising=False)
        # None in sys.modules is Python's own way of saying that a package cannot be imported.
        modules = {"tensorrt": tensorrt_module(gpu, tensorrt, refusals) if tensorrt else None}
        modules |= {"pycuda": None, "cuda": None} | (_PACKAGES[package](gpu) if package else {})
        for name, module in modules.items():
            if module is not None:
                module.__spec__ = ModuleSpec(name, None)
            monkeypatch.setitem(sys.modules, name, module)
        device_room.open_device.cache_clear()

    monkeypatch.setattr(cuda_driver, "load_driver", lambda: Libcuda(gpu))
    become()
    assert find_spec("tensorrt") is not None
    return InMemoryDevice(gpu, refusals, become)
