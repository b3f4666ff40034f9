"""The inference backends by name."""

from __future__ import annotations

from importlib.util import find_spec

from edge_nt.bundle.read import Bundle
from edge_nt.engines.engine_folder import engine_root
from edge_nt.errors import InputError
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.runtime.openvino_session import OpenVinoSession
from edge_nt.runtime.session import Session
from edge_nt.runtime.tensorrt_session import TensorRtSession

BACKENDS = ("onnxruntime", "openvino", "openvino-bf16", "tensorrt")
# Those that compute what the graph says, to rounding; bfloat16 is chosen by a person, never by a stopwatch.
FAITHFUL = ("onnxruntime", "openvino")
AUTO = "auto"


def open_session(bundle: Bundle, backend: str, threads: int | None = None) -> Session:
    """Build the session of `backend` for a bundle's graphs; `threads` None leaves the number to the backend.

    A GPU has no use for `threads`.
    Raises: InputError for an unknown name, a graph that the backend does not take, or TensorRT without engines that fit
    the bundle and this machine; MissingDependencyError when its package, or the device or instruction set it needs, is
    not on this machine.
    """
    check_backend(backend, BACKENDS)
    if backend == "tensorrt":
        return TensorRtSession(bundle)
    graphs = bundle.encoder_onnx, bundle.decoder_onnx
    try:
        if backend == "onnxruntime":
            return OnnxRuntimeSession(*graphs, threads)
        return OpenVinoSession(*graphs, threads, bf16=backend == "openvino-bf16")
    except InputError as error:
        # Sessions are given bytes, and cannot say whose.
        raise InputError(expected=error.expected, got=f"{error.got}, of {bundle.folder}", fix=error.fix) from error


def installed_backends() -> tuple[str, ...]:
    """Those of FAITHFUL whose package is on this machine, found without importing it."""
    return tuple(backend for backend in FAITHFUL if find_spec(backend) is not None)


def candidate_backends(bundle: Bundle) -> tuple[str, ...]:
    """The backends that ``auto`` tries: the installed ones, and TensorRT where the bundle has engines of any kind.

    Engines that turn out not to fit are then refused by name, instead of passed over in silence.
    """
    root = engine_root(bundle)
    built = find_spec("tensorrt") is not None and root.is_dir() and any(root.iterdir())
    return (*installed_backends(), *(("tensorrt",) if built else ())) or ("onnxruntime",)


def check_backend(backend: str, names: tuple[str, ...] = (AUTO, *BACKENDS)) -> None:
    """Refuse a name that is none of `names`. Raises: InputError."""
    if backend not in names:
        raise InputError(
            expected=f"a backend among {', '.join(names)}", got=backend, fix="correct --backend, or leave it out"
        )
