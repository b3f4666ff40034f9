"""The one door to TensorRT: graphs made for CPUs alone do not pass."""

from __future__ import annotations

from pathlib import Path

from edge_nt.bundle.manifest import BundleManifest
from edge_nt.errors import InputError


def refuse_for_tensorrt(manifest: BundleManifest, folder: Path) -> None:
    """Refuse a bundle whose graphs TensorRT must not get; `folder` names it. Raises: InputError for target cpu.

    Its graphs have unsigned activations and quantised biases, which TensorRT's parser rejects.
    """
    if manifest.target == "cpu":
        raise InputError(
            expected="a bundle whose graphs TensorRT takes (target any or tensorrt)",
            got=f"the {manifest.precision} bundle {folder} for target cpu",
            fix="export one with `edge-nt export --precision int8 --target tensorrt`",
        )
