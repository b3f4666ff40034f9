"""Python and the packages: those that every cart needs are imported, the optional ones are looked for."""

from __future__ import annotations

import platform
import sys
from importlib import import_module, metadata
from importlib.util import find_spec

from edge_nt.health.check import Check, fail, not_applicable, ok
from edge_nt.health.scope import Scope

_OLDEST_PYTHON = (3, 10)
# Module, and the distributions that bring it.
_NEEDED = {
    "msgspec": ("msgspec",),
    "numpy": ("numpy",),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "pydicom": ("pydicom",),
}
# Module: distribution, what it is for, and the extra that brings it.
_OPTIONAL = {
    "watchfiles": ("watchfiles", "watched folders", "cart"),
    "pynetdicom": ("pynetdicom", "the DICOM receiver", "cart"),
    "waitress": ("waitress", "the pages of edge-nt serve", "cart"),
    "prometheus_client": ("prometheus-client", "the metrics of edge-nt serve", "cart"),
    "pyarrow": ("pyarrow", "latents as Parquet", "parquet"),
    "openvino": ("openvino", "a second engine for Intel and AMD processors", "openvino"),
}


def check_packages(scope: Scope) -> tuple[Check, ...]:
    """Python's version, the needed packages in working order, and which optional ones are there."""
    del scope
    return (_python(), *(_needed(name) for name in _NEEDED), *(_optional(name) for name in _OPTIONAL))


def _python() -> Check:
    seen = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return fail("Python", seen, "install Python 3.10 or newer")
    return ok("Python", seen)


def _needed(module: str) -> Check:
    names = _NEEDED[module]
    try:
        import_module(module)
    except Exception as error:  # A broken wheel fails in its own ways: OSError, AttributeError, SystemError.
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        return fail(names[0], f"cannot be imported: {reason}", f"pip install --force-reinstall {names[0]}")
    return ok(names[0], _version(names) or "imported; its version is not recorded")


def _optional(module: str) -> Check:
    name, purpose, extra = _OPTIONAL[module]
    try:
        present = find_spec(module) is not None
    except (ImportError, ValueError):
        present = False
    if not present:
        return not_applicable(name, f"not installed; for {purpose}", f"pip install 'edge-nt[{extra}]'")
    return ok(name, f"{_version((name,)) or 'installed'}, for {purpose}")


def _version(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
