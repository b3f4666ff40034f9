"""Where a report about bundles may be written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_nt.errors import InputError


def check_output_file(path: Path, bundles: Sequence[Path]) -> None:
    """Refuse a path inside a bundle, whose content is fixed: its next reader would refuse it. Raises: InputError."""
    inside = any(bundle.resolve() in path.resolve().parents for bundle in bundles)
    if inside or path.is_dir():
        raise InputError(expected="an output file outside the bundles", got=str(path), fix="name another file as --out")
