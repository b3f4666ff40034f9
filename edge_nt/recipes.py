"""Where recipes and gates are found, and TOML read: the only door for settings files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from edge_nt.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PACKAGE = Path(__file__).parent


def default_path(name: str) -> Path:
    """The shipped settings file `name`, such as ``export/int8.toml`` or ``benchmarks/roi_gates.toml``.

    A wheel carries them inside the package; a checkout has them at the top level, where people edit them.
    """
    packaged = _PACKAGE / "packaged" / name
    return packaged if packaged.is_file() else _PACKAGE.parent / name


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises: InputError when it is missing or not TOML."""
    try:
        with path.open("rb") as stream:
            tables: dict[str, Any] = tomllib.load(stream)
            return tables
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(expected="a TOML file", got=f"{path}: {error}", fix="correct the path or the file") from error
