"""Where recipes and gates are found, and TOML read: the only door for settings files."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any, TypeVar

from edge_nt.errors import InputError

_PACKAGE = Path(__file__).parent
Limits = TypeVar("Limits")


def default_path(name: str) -> Path:
    """The shipped settings file `name`, such as ``export/int8.toml`` or ``benchmarks/roi_gates.toml``.

    A wheel carries them inside the package; a checkout has them at the top level, where people edit them.
    """
    packaged = _PACKAGE / "packaged" / name
    return packaged if packaged.is_file() else _PACKAGE.parent / name


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises: InputError when it is missing or not TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        with path.open("rb") as stream:
            tables: dict[str, Any] = tomllib.load(stream)
            return tables
    except (OSError, ValueError) as error:  # No TOML, or no UTF-8 at all.
        raise InputError(expected="a TOML file", got=f"{path}: {error}", fix="correct the path or the file") from error


def check_keys(table: object, names: set[str], path: Path, where: str) -> dict[str, Any]:
    """`table` when it is a table with exactly the keys `names`; `where` of the file `path` names it in the error.

    Raises: InputError.
    """
    if not isinstance(table, dict) or set(table) != names:
        got = ", ".join(map(str, table)) if isinstance(table, dict) else repr(table)
        raise InputError(
            expected=f"exactly {', '.join(sorted(names))} in {where} of {path}",
            got=got,
            fix="start from the file that this edge-nt version ships",
        )
    return table


def limits(kind: type[Limits], table: object, path: Path, where: str) -> Limits:
    """A dataclass of floats from the table `where` of the file `path`.

    Raises: InputError for a missing or unknown name, or a limit that is not a finite number from 0 up.
    """
    checked = check_keys(table, set(kind.__annotations__), path, where)
    for name, value in checked.items():
        if type(value) not in (int, float) or not (math.isfinite(value) and value >= 0):
            raise InputError(
                expected=f"a finite number from 0 up as {name} of {where} in {path}",
                got=repr(value),
                fix="correct the limit",
            )
    return kind(**{name: float(value) for name, value in checked.items()})
