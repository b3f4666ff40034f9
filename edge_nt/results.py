"""Result files: JSON whose schema is a dataclass, checked when it is written and when it is read.

A report's dataclass has two fields of its own, `kind` and `schema_version`, each a `Literal` of one value. From them a
reader knows what a file is before it trusts anything else in it.
"""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from edge_nt.atomic import write_text
from edge_nt.errors import InputError

Report = TypeVar("Report")


def now_utc() -> str:
    """This moment as reports state it, such as ``2026-01-02T03:04:05Z``."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_result(path: Path, report: object) -> None:
    """Write a report dataclass as indented JSON, whole or not at all.

    Raises: InputError as `result_text`, and when the file cannot be written.
    """
    content = result_text(report)
    try:
        write_text(path, content)
    except OSError as error:
        raise InputError(
            expected="an output file that can be written", got=f"{path}: {error.strerror}", fix="name another as --out"
        ) from error


def result_text(report: object) -> str:
    """A report dataclass as the text of its file.

    Raises: InputError when it does not hold what its own types say, or holds NaN or infinity, which JSON has not.
    """
    content = msgspec.to_builtins(report)
    try:
        # Types are a promise to whoever reads the file; a dataclass does not keep it by itself.
        _checked(content, type(report))
        return json.dumps(content, indent=2, allow_nan=False) + "\n"
    except ValueError as error:
        raise InputError(
            expected=f"a {_literal(type(report), 'kind')} result that matches its schema",
            got=str(error),
            fix="report this as a defect of edge-nt; nothing was written",
        ) from error


def read_result(path: Path, report: type[Report]) -> Report:
    """The report in a file that `write_result` wrote.

    Raises: InputError naming the file when it cannot be read, is of another kind or schema version, or has a missing,
    unknown or mistyped field.
    """
    content = _json_object(path)
    for field in ("kind", "schema_version"):
        expected = _literal(report, field)
        if content.get(field) != expected:
            raise _refused(path, f"{field} {expected!r}", repr(content.get(field)))
    try:
        return _checked(content, report)
    except ValueError as error:
        raise _refused(path, f"a whole {_literal(report, 'kind')} result", str(error)) from error


def result_kind(path: Path) -> str:
    """What a result file says it is, such as ``edge-nt bench``. Raises: InputError when it says nothing."""
    kind = _json_object(path).get("kind")
    if not isinstance(kind, str):
        raise _refused(path, "a result file of edge-nt, with its kind", repr(kind))
    return kind


def schema_of(report: type[Any]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a report dataclass."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(report)}


def _checked(content: object, report: type[Report]) -> Report:
    """Raises: ValueError (msgspec's errors are) naming the place, also for a field that the schema does not know."""
    value = msgspec.convert(content, report)
    unknown = _unknown(content, msgspec.to_builtins(value), "$")
    if unknown:
        raise ValueError(f"unknown field {unknown}")
    return value


def _unknown(given: object, known: object, where: str) -> str:
    """The path of the first field of `given` that `known` has not; empty when there is none."""
    pairs: list[tuple[str, object, object]] = []
    if isinstance(given, dict) and isinstance(known, dict):
        extra = [key for key in given if key not in known]
        if extra:
            return f"{where}.{extra[0]}"
        pairs = [(f"{where}.{key}", given[key], known[key]) for key in given]
    elif isinstance(given, (list, tuple)) and isinstance(known, (list, tuple)):
        pairs = [(f"{where}[{index}]", *pair) for index, pair in enumerate(zip(given, known, strict=True))]
    return next((found for name, one, other in pairs if (found := _unknown(one, other, name))), "")


def _json_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes(), parse_float=_finite, parse_constant=_finite)
    except (OSError, ValueError, RecursionError) as error:
        raise _refused(path, "a result file of edge-nt, in JSON", str(error)) from error
    if not isinstance(content, dict):
        raise _refused(path, "a result file of edge-nt, a JSON object", type(content).__name__)
    return content


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text}, which is no finite number")
    return value


def _literal(report: type[Any], field: str) -> object:
    return get_args(get_type_hints(report)[field])[0]


def _refused(path: Path, expected: str, got: str) -> InputError:
    return InputError(
        expected=expected, got=f"{got} in {path}", fix="name another file, or write it again with this edge-nt version"
    )
