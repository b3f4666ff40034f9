"""The package `tensorrt`: whether it is usable here, and its messages.

`import tensorrt` stands inside functions only: it loads a gigabyte of libraries, which most commands never need.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edge_nt.engines.cuda_driver import device_facts
from edge_nt.errors import MissingDependencyError

if TYPE_CHECKING:
    import tensorrt as trt

# A failing build can complain thousands of times; the first and the last say what matters.
_MOST_COMPLAINTS = 64
_OUT_OF_MEMORY = re.compile(r"out ?of ?memory|could not be allocated|insufficient memory", re.IGNORECASE)
# Only a warning in some versions, although nothing works after it.
_NO_START = "CUDA initialization failure"


def require_tensorrt() -> str:
    """The version of TensorRT here. Raises: MissingDependencyError without a driver, a GPU or the package."""
    # The GPU first: without one, installing the package would not help.
    device_facts()
    try:
        import tensorrt as trt
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            expected="the package tensorrt",
            got=str(error),
            fix="install it from JetPack or with pip install tensorrt, or run bundles with another --backend",
        ) from error
    return trt.__version__


def tensorrt_absence() -> str | None:
    """Why no plan can be built or run here; None where TensorRT and a GPU are present."""
    try:
        require_tensorrt()
    except MissingDependencyError as error:
        return error.got
    return None


def collecting_logger() -> tuple[trt.ILogger, list[str]]:
    """A logger for TensorRT, and the list of its errors, and of warnings that say why something will fail."""
    import tensorrt as trt

    complaints: list[str] = []

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            # pybind11 wants its own constructor called by name.
            trt.ILogger.__init__(self)

        def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR or is_out_of_memory(msg) or _NO_START in msg:
                complaints.append(" ".join(msg.split()))
                del complaints[1 : len(complaints) - _MOST_COMPLAINTS + 1]

    return Logger(), complaints


@contextmanager
def starting(complaints: list[str]) -> Iterator[None]:
    """Around the making of a builder or runtime: there is none where CUDA does not start, for pybind11 a TypeError.

    Raises: MissingDependencyError with TensorRT's own words.
    """
    import tensorrt as trt

    try:
        yield
    except TypeError as error:
        raise MissingDependencyError(
            expected=f"TensorRT {trt.__version__} to start on this GPU",
            got=last_words(complaints) if complaints else str(error),
            fix="install a TensorRT for the CUDA version that nvidia-smi shows, or newer drivers, close what else uses "
            "the GPU, or use another --backend",
        ) from error


def is_out_of_memory(text: str) -> bool:
    """Whether a message of TensorRT or CUDA says that memory ran out."""
    return _OUT_OF_MEMORY.search(text) is not None


def last_words(complaints: list[str]) -> str:
    """The first and the last complaint, which hold the cause and what came of it."""
    return " … ".join(dict.fromkeys([*complaints[:1], *complaints[-1:]])) or "no reason given"
