"""How the OOD watch and the drift monitor did on live sequences made of scans, as it stands in ood-operation.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OPERATION_RESULT_NAME = "ood-operation.json"


@dataclass(frozen=True)
class Delay:
    """Seconds over the scans on which something happened, None where it never did; `never` counts the others."""

    median_s: float | None
    p95_s: float | None
    worst_s: float | None
    never: int


@dataclass(frozen=True)
class EventFigures:
    """An event on every scan at a frame rate.

    `to_out` runs from the last frame of the scan to the state out of distribution, `to_recover` from the first whole
    frame of the scan to the end of that state. `most_changes` is the largest number of changes of state on one scan.
    `scans` were not out of distribution before the event. `plain_flagged_share` of the event's distinct frames
    (its fade, and those held in turn, each once, of all scans and at any rate) lies above the threshold of the plain
    Mahalanobis distance, `flagged_share` above that of the score.
    """

    event: str
    fade_s: float
    frames_per_s: float
    scans: int
    to_out: Delay
    to_recover: Delay
    most_changes: int
    flagged_share: float
    plain_flagged_share: float


@dataclass(frozen=True)
class HeldStream:
    """Held-in scans one after another, `seconds_each`, with hand, gain and grain, and no event.

    `out_scans` of `scans` were ever out of distribution; `out_per_hour` is how often that state began.
    `frame_changes_per_hour` is how often the verdict of single frames turned.
    """

    scans: int
    seconds_each: float
    out_scans: int
    out_per_hour: float
    out_share: float
    caution_share: float
    changes_per_hour: float
    frame_changes_per_hour: float


@dataclass(frozen=True)
class DriftFigures:
    """Examinations in `orders` random orders: in how many the alarm was raised, and after how many examinations.

    `reference` held-in patients are what is compared with; `quiet` of the `exams` come before the change (medians over
    the orders). `early` orders alarmed before it, which is false and ends the order, `alarms` after it; `median_exams`
    counts from the change, and is None where fewer than half of the orders alarmed after it. In older results early
    alarms are among `alarms`, and `early` is None.
    """

    stream: str
    reference: int
    quiet: int
    exams: int
    orders: int
    alarms: int
    median_exams: float | None
    early: int | None = None


@dataclass(frozen=True)
class ValidityFigure:
    """The share of p-values at or below `alpha` among held-in scans that another half of the patients judged."""

    alpha: float
    share: float


@dataclass(frozen=True)
class OperationReport:
    """Everything that was measured; `measured_utc` is when it ended."""

    edge_nt_version: str
    measured_utc: str
    run: str
    bundle_sha256: str
    precision: str
    synthetic: bool
    held_out_hospital: str
    patients: int
    seed: int
    settings: dict[str, float]
    threshold: float
    events: tuple[EventFigures, ...]
    held_stream: HeldStream
    p_values: tuple[ValidityFigure, ...]
    drift: tuple[DriftFigures, ...]
    update_us: float
    kind: Literal["edge-nt ood operation"] = "edge-nt ood operation"
    schema_version: Literal[1] = 1
