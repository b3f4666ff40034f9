"""How much a candidate bundle may lose against its reference, as `benchmarks/roi_gates.toml` says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edge_nt.bundle.manifest import PRECISIONS, Precision
from edge_nt.errors import InputError
from edge_nt.recipes import default_path, read_toml

SCHEMA_VERSION = 1
Settings = TypeVar("Settings", "Gates", "GoldenTolerance")


@dataclass(frozen=True)
class GoldenTolerance:
    """How far this machine may be from the golden vectors: relative L2 of a latent, mean grey levels of a picture."""

    latent_max_relative_error: float
    reconstruction_max_grey_levels: float


@dataclass(frozen=True)
class Gates:
    """The limits of a comparison; the file says why each is what it is."""

    roi_edge_mae_max_increase_percent: float
    roi_mae_max_increase_percent: float
    psnr_max_drop_db: float
    roi_mean_difference_max_grey_levels: float
    ood_median_shift_max_thresholds: float


@dataclass(frozen=True)
class GateFile:
    """What a gate file holds: the limits of a comparison and the golden tolerance of each precision."""

    path: Path
    gates: Gates
    golden: Mapping[Precision, GoldenTolerance]


def read_gates(path: Path | None = None) -> GateFile:
    """Read a gate file; None reads the shipped `benchmarks/roi_gates.toml`.

    Raises: InputError for a missing or unknown setting, or a limit that is not a finite number from 0 up.
    """
    path = path or default_path("benchmarks/roi_gates.toml")
    content = read_toml(path)
    version = content.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        raise InputError(
            expected=f"schema_version = {SCHEMA_VERSION} in {path}",
            got=repr(version),
            fix="start from the benchmarks/roi_gates.toml of this edge-nt version",
        )
    _check_keys(content, {"schema_version", "gates", "golden"}, path, "the file")
    _check_keys(content["golden"], set(PRECISIONS), path, "[golden]")
    golden = {
        name: _settings(GoldenTolerance, content["golden"][name], path, f"[golden.{name}]") for name in PRECISIONS
    }
    return GateFile(path, _settings(Gates, content["gates"], path, "[gates]"), golden)


def _settings(kind: type[Settings], table: object, path: Path, where: str) -> Settings:
    names = set(kind.__dataclass_fields__)
    checked = _check_keys(table, names, path, where)
    for name, value in checked.items():
        if type(value) not in (int, float) or not (math.isfinite(value) and value >= 0):
            raise InputError(
                expected=f"a finite number from 0 up as {name} of {where} in {path}",
                got=repr(value),
                fix="correct the limit",
            )
    return kind(**{name: float(value) for name, value in checked.items()})


def _check_keys(table: object, names: set[str], path: Path, where: str) -> dict[str, Any]:
    if not isinstance(table, dict) or set(table) != names:
        got = ", ".join(map(str, table)) if isinstance(table, dict) else repr(table)
        raise InputError(
            expected=f"exactly {', '.join(sorted(names))} in {where} of {path}",
            got=got,
            fix="start from the shipped benchmarks/roi_gates.toml",
        )
    return table
