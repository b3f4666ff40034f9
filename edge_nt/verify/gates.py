"""How much a candidate bundle may lose against its reference, as `benchmarks/roi_gates.toml` says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_nt.digests import sha256_file
from edge_nt.errors import InputError
from edge_nt.recipes import check_keys, default_path, limits, read_toml
from edge_nt.runtime.golden import GoldenTolerances, golden_tolerances

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class RoiGates:
    """The limits that hold for every model; the file says why each is what it is."""

    roi_edge_mae_max_increase_percent: float
    roi_mae_max_increase_percent: float
    psnr_max_drop_db: float
    roi_mean_difference_max_grey_levels: float
    ood_median_shift_max_thresholds: float
    ood_flips_max_percent: float
    min_frames: float


@dataclass(frozen=True)
class CaliperGates:
    """The limits on caliper readings, in mm and, where a frame's spacing is unknown, in px of the network input."""

    median_drift_max_mm: float
    median_drift_max_px: float
    p95_drift_max_mm: float
    p95_drift_max_px: float
    bias_max_mm: float
    bias_max_px: float
    newly_not_measurable_max_percent: float
    min_frames: float


@dataclass(frozen=True)
class Gates:
    """The limits of a comparison; `caliper` is None where the gate file says, with its reason, that none are set."""

    roi: RoiGates
    caliper: CaliperGates | None


@dataclass(frozen=True)
class GateFileIdentity:
    """Which gate file judged; `caliper_not_gated` is its reason for having no caliper gates, None where it has them."""

    name: str
    sha256: str
    caliper_not_gated: str | None


@dataclass(frozen=True)
class GateFile:
    """What a gate file holds: the limits of a comparison and the golden tolerance of each precision."""

    identity: GateFileIdentity
    gates: Gates
    golden: GoldenTolerances


def read_gates(path: Path | None = None) -> GateFile:
    """Read a gate file; None reads the shipped `benchmarks/roi_gates.toml`.

    A file has a ``[caliper]`` table, or instead of it the reason why not as ``caliper_not_gated``.
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
    without = "caliper_not_gated" in content
    check_keys(
        content, {"schema_version", "gates", "golden", "caliper_not_gated" if without else "caliper"}, path, "the file"
    )
    reason = _reason(content["caliper_not_gated"], path) if without else None
    caliper = None if without else limits(CaliperGates, content["caliper"], path, "[caliper]")
    gates = Gates(limits(RoiGates, content["gates"], path, "[gates]"), caliper)
    return GateFile(GateFileIdentity(path.name, sha256_file(path), reason), gates, golden_tolerances(content, path))


def _reason(value: Any, path: Path) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(
            expected=f"the reason, in words, as caliper_not_gated in {path}",
            got=repr(value),
            fix="say why calipers are not gated, or set the limits of a [caliper] table",
        )
    return value
