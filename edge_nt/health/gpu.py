"""NVIDIA's driver, the package that reaches the GPU, and TensorRT; not yet run on a device."""

from __future__ import annotations

import re
from importlib.util import find_spec

from edge_nt.engines.cuda_driver import device_facts
from edge_nt.engines.tensorrt_package import require_tensorrt
from edge_nt.errors import MissingDependencyError
from edge_nt.health.check import Check, Status, fail, ok, warn
from edge_nt.health.scope import Scope
from edge_nt.sensors.board import read_board

# The versions whose names this one code path was checked against.
_OLDEST, _NEWEST = (10, 3), (11, 4)


def check_gpu(scope: Scope) -> tuple[Check, ...]:
    """Driver and device without opening a context, then what a TensorRT session needs; a PC may do without all."""
    jetson = read_board(scope.root).is_jetson
    absent: Status = "fail" if jetson else "not applicable"
    try:
        facts = device_facts()
    except MissingDependencyError as error:
        return (
            Check("CUDA driver", absent, f"{error.got}; bundles run on the processor", error.fix if jetson else ""),
        )
    kind = "shares the processor's memory" if facts.integrated else "memory of its own"
    seen = f"{facts.name}, compute capability {facts.compute_capability}, CUDA up to {facts.cuda}, {kind}"
    return ok("CUDA driver", seen), _package(), _tensorrt()


def _package() -> Check:
    found = [name for name, module in (("pycuda", "pycuda"), ("cuda-python", "cuda.bindings")) if _has(module)]
    if not found:
        return warn("CUDA package", "neither pycuda nor cuda-python", "pip install pycuda, or cuda-python")
    return ok("CUDA package", " and ".join(found))


def _tensorrt() -> Check:
    try:
        version = require_tensorrt()
    except MissingDependencyError as error:
        fix = f"{error.fix}; a virtual environment sees JetPack's only with --system-site-packages"
        return warn("TensorRT", f"{error.got}; bundles run on the processor", fix)
    found = re.match(r"(\d{1,4})\.(\d{1,4})", version)
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    if number < _OLDEST:
        return fail("TensorRT", f"{version}, older than 10.3", "update JetPack, or pip install 'tensorrt>=10.3'")
    if number > _NEWEST:
        return warn("TensorRT", f"{version}, newer than 11.4, which edge-nt knows", "run edge-nt doctor --self-test")
    return ok("TensorRT", version)


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
