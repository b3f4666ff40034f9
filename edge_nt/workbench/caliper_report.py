"""What the caliper reads on the scans of a dataset, and on their reconstructions, as it stands in its result file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edge_nt.caliper.caliper import CaliperReading
from edge_nt.machine import Machine
from edge_nt.workbench.caliper_agreement import Agreement, Coverage

# The fields of `GroupReadings` in words: what was read, and which readings were compared, the first minus the second.
READ_IMAGES = {
    "scan": "scan",
    "moved": "scan, moved box",
    "network_scan": "scan at network size",
    "reconstruction": "reconstruction",
}
COMPARED = {
    "scan_stated": "scan against stated",
    "network_scan_stated": "scan at network size against stated",
    "reconstruction_stated": "reconstruction against stated",
    "reconstruction_scan_px": "reconstruction against scan at network size",
    "reconstruction_scan_mm": "reconstruction against scan at network size",
}


@dataclass(frozen=True)
class FrameReading:
    """One frame with a box.

    `scan` is read at the scan's own size, `network_scan` at the bundle's input size, `reconstruction` on what the
    bundle made of that; pixels are those of each. `moved` is a reading of the scan in a box of the same size that was
    moved to where there is no NT, None where no such place was found.
    """

    file: str
    group: str
    mm_per_px: float | None
    stated_mm: float | None
    scan: CaliperReading
    moved: CaliperReading | None
    network_scan: CaliperReading | None
    reconstruction: CaliperReading | None


@dataclass(frozen=True)
class GroupReadings:
    """One group of frames: what was measurable, and how far readings agree.

    `scan_stated` is the scan's reading against the stated thickness, `reconstruction_stated` the reconstruction's;
    `reconstruction_scan_px` and `_mm` are the reconstruction against the scan at network size. None for fewer than two
    pairs.
    """

    group: str
    scan: Coverage
    moved: Coverage
    network_scan: Coverage | None
    reconstruction: Coverage | None
    scan_stated: Agreement | None
    network_scan_stated: Agreement | None
    reconstruction_stated: Agreement | None
    reconstruction_scan_px: Agreement | None
    reconstruction_scan_mm: Agreement | None


@dataclass(frozen=True)
class CaliperReport:
    """The caliper on a dataset; `kind` and `schema_version` say what the file is.

    `bundle` names the bundle whose reconstructions were read, `precision` its precision and `bundle_sha256` its
    bundle.json; None without one. `measured_utc` is when the measurement ended, such as 2026-11-23T14:05:00Z. It, the
    version, digests of tables and of the bundle are empty in reports from before they were recorded.
    """

    kind: Literal["edge-nt caliper"]
    schema_version: Literal[1]
    dataset: str
    synthetic: bool
    structure: str
    bundle: str | None
    precision: str | None
    groups: tuple[GroupReadings, ...]
    frames: tuple[FrameReading, ...]
    machine: Machine
    edge_nt_version: str = ""
    measured_utc: str = ""
    dataset_tables: dict[str, str] = field(default_factory=dict)
    bundle_sha256: str | None = None
