"""Which tables a dataset folder has: what a run, a study or a verdict was made with can be known again."""

from __future__ import annotations

from pathlib import Path

from edge_nt.digests import sha256_file
from edge_nt.errors import InputError


def dataset_tables(root: Path) -> dict[str, str]:
    """The SHA-256 of each table of a dataset folder, by name. Raises: InputError when one cannot be read."""
    try:
        return {name: sha256_file(root / name) for name in ("manifest.csv", "boxes.csv")}
    except OSError as error:
        raise InputError(
            expected=f"a dataset folder {root}", got=f"{error}", fix="make one with `edge-nt data import`"
        ) from error
