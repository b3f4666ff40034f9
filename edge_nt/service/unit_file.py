"""Writes a unit where systemd looks for it, over nobody else's."""

from __future__ import annotations

from pathlib import Path

from edge_nt.atomic import write_text
from edge_nt.errors import InputError
from edge_nt.service.unit import MARK, Unit


def write_unit(unit: Unit, folder: Path) -> Path:
    """Write the unit into `folder`, whole or not at all, and return its path. systemd learns of it when told to.

    Raises: InputError for a unit of that name that edge-nt did not write, or a folder that may not be written to.
    """
    path = folder / f"{unit.name}.service"
    try:
        if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(MARK):
            raise InputError(
                expected=f"no {path}, or one that edge-nt wrote",
                got="a unit of somebody else's",
                fix="choose another --name, or move that file away",
            )
        write_text(path, unit.text())
        path.chmod(0o644)
    except OSError as error:
        raise InputError(
            expected=f"to be allowed to write {path}",
            got=error.strerror or str(error),
            fix="run this as root, or pass --print and put the text there yourself",
        ) from error
    return path
