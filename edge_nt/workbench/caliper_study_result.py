"""What the caliper's study on phantoms found, as it stands in its result file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_nt.caliper.caliper import CaliperReading
from edge_nt.machine import Machine
from edge_nt.workbench.caliper_agreement import Agreement, Coverage

Factor = Literal["as drawn", "gain", "speckle", "tilt", "point spread"]
Size = Literal["scan", "network", "half network"]
Range = Literal["thickness", "thickness in pixels", "factor"]


@dataclass(frozen=True)
class PhantomReading:
    """One phantom at one size: which one it was, what is true of it, what was read, and in how long.

    `level` is the factor's: dB of gain added, speckle from 0 to 1, tilt in degrees, or times the axial point spread;
    None for phantoms as drawn. Pixels are those of `size`, vertical ones.
    """

    size: Size
    factor: Factor
    level: float | None
    hospital: int
    index: int
    mm_per_px: float
    true_mm: float
    true_px: float
    reading: CaliperReading
    read_ms: float


@dataclass(frozen=True)
class StudyRow:
    """One line of a table: the phantoms of one size and one range of thickness, or one level of a factor."""

    size: Size
    table: Range
    name: str
    coverage: Coverage
    mm: Agreement | None
    px: Agreement | None


@dataclass(frozen=True)
class CaliperStudy:
    """The caliper against phantoms of known thickness; `kind` and `schema_version` say what the file is.

    `phantoms` counts different pictures, `read_ms_median` is the time of one reading at a size. `outliers` are the
    readings further than 0.3 mm from the bias of phantoms as drawn at their size. `measured_utc` is when the
    measurement ended; it and the version are empty in results from before they were recorded.
    """

    kind: Literal["edge-nt caliper study"]
    schema_version: Literal[1]
    seed: int
    phantoms: int
    rows: tuple[StudyRow, ...]
    read_ms_median: dict[str, float]
    outliers: tuple[PhantomReading, ...]
    machine: Machine
    edge_nt_version: str = ""
    measured_utc: str = ""
