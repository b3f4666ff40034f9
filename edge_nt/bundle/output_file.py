"""Where results may be written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edge_nt.errors import InputError


def check_output_file(path: Path, bundles: Sequence[Path]) -> None:
    """Refuse a path inside a bundle, whose content is fixed: its next reader would refuse it; and one that nobody can
    write to, before anything is measured. Raises: InputError.
    """
    inside = any(bundle.resolve() in path.resolve().parents for bundle in bundles)
    if inside or path.is_dir():
        raise InputError(expected="an output file outside the bundles", got=str(path), fix="name another file as --out")
    if not _can_write_below(path):
        raise InputError(
            expected="an output file in a folder that can be written to", got=str(path), fix="name another as --out"
        )


def check_output_folder(path: Path, *, replaced: bool = False) -> None:
    """Refuse a path that is no folder and cannot become one that can be written to, before anything is measured.

    Where the whole folder is `replaced`, the one that it stands in has to be writable too. Raises: InputError.
    """
    # Not Path.resolve, which before Python 3.13 has an error of its own for a link that leads to itself.
    there = Path(os.path.realpath(path))
    if replaced and os.path.ismount(there):
        raise InputError(
            expected="a folder that can be replaced as a whole",
            got=f"{path}, a mounted disk",
            fix="name a folder on it",
        )
    usable = path.is_dir() and os.access(path, os.W_OK) if path.exists() else _can_write_below(path)
    if not usable or (replaced and not _can_write_below(there)):
        raise InputError(expected="a folder that can be written to", got=str(path), fix="name another as --out")


def _can_write_below(path: Path) -> bool:
    folder = next((each for each in path.absolute().parents if each.exists()), path.absolute())
    return folder.is_dir() and os.access(folder, os.W_OK)
