"""How much a candidate bundle may lose against its reference, as `benchmarks/roi_gates.toml` says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_nt.errors import InputError
from edge_nt.recipes import check_keys, default_path, limits, read_toml
from edge_nt.runtime.golden import GoldenTolerances, golden_tolerances

SCHEMA_VERSION = 1


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
    golden: GoldenTolerances


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
    check_keys(content, {"schema_version", "gates", "golden"}, path, "the file")
    return GateFile(path, limits(Gates, content["gates"], path, "[gates]"), golden_tolerances(content, path))
