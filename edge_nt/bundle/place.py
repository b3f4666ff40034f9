"""Which of the paths that a person named is the bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_nt.bundle.manifest import FILE_NAMES, MANIFEST_NAME
from edge_nt.errors import InputError


def bundle_and_inputs(named: Sequence[Path], bundle: Path | None) -> tuple[Path | None, Sequence[Path]]:
    """The bundle and the inputs among `named`: its first folder is the bundle when it has a bundle.json.

    With `bundle` given all of `named` are inputs; without either the bundle is None, and the shipped one is meant.
    Raises: InputError for a bundle in another place, a damaged one without its bundle.json, or no input at all.
    """
    inputs = list(named)
    if bundle is None and inputs and _looks_like_bundle(inputs[0]):
        bundle = inputs.pop(0)
    misplaced = [path for path in inputs if _looks_like_bundle(path)]
    if misplaced:
        raise InputError(
            expected="one bundle, named before the inputs or as --bundle",
            got=f"the bundle {misplaced[0]} among the inputs",
            fix="name one bundle, and images after it",
        )
    if not inputs:
        raise InputError(
            expected="an image file or a folder of images after the bundle",
            got=f"{bundle} alone",
            fix="add the images to run",
        )
    return bundle, inputs


def _looks_like_bundle(path: Path) -> bool:
    """Whether a folder holds any file of a bundle: without bundle.json it is a damaged one, no folder of images."""
    return any((path / name).is_file() for name in (MANIFEST_NAME, *FILE_NAMES))
