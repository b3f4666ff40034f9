"""What a drift monitor knows, as JSON: read back after a restart, and by a person."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from edge_nt.errors import InputError
from edge_nt.ood.martingale import CELLS

# Steps of the median p-value of an hour.
P_CELLS = 100
Components = tuple[float, float, float]


@dataclass(frozen=True)
class HourRecord:
    """The frames of an hour that began at the Unix time `began_s`; figures are None where no frame was scored.

    `failed` frames had no score. `out_share` of `frames` was out of distribution. `median_p_value` is exact to
    0.005; `component_means` are held-in deviations in the order of `COMPONENT_NAMES`.
    """

    began_s: int
    frames: int
    failed: int
    out_share: float | None
    median_p_value: float | None
    component_means: Components | None


@dataclass(frozen=True)
class OpenHour:
    """An hour that goes on: sums instead of means, and how many p-values lie in each hundredth."""

    number: int
    frames: int
    out: int
    failed: int
    component_sums: Components
    p_counts: tuple[int, ...]


@dataclass(frozen=True)
class OpenExam:
    """An examination that goes on: when it began and was last seen, its frames, and the score drawn among them."""

    name: str | None
    first_s: float
    last_s: float
    frames: int
    drawn_score: float
    drawn_at_s: float


@dataclass(frozen=True)
class DriftRecord:
    """A whole `DriftMonitor`. `counts` holds the values so far by the cell of martingale.py that each lies in.

    `source_kind` is what the values are those of, such as ``camera``; None where nobody said.
    """

    model: str
    seed: int
    alarm_probability: float
    counts: dict[str, int]
    log_wealth: float
    highest_log: float
    shares: Components
    values: int
    exams_seen: int
    alarmed_at_s: float | None
    alarmed_after_exams: int | None
    exam: OpenExam | None
    hour: OpenHour | None
    hours: tuple[HourRecord, ...]
    kind: Literal["edge-nt drift"] = "edge-nt drift"
    schema_version: Literal[1] = 1
    source_kind: str | None = None

    def check(self) -> None:
        """Refuse what no monitor gives. Raises: InputError."""
        cells = {str(cell) for cell in range(CELLS)}
        numbers = (self.log_wealth, self.highest_log, self.alarmed_at_s or 0.0, *self.shares)
        counted = (self.values, self.exams_seen, self.alarmed_after_exams or 0, *self.counts.values())
        sound = (
            0 < self.alarm_probability < 1
            and all(map(math.isfinite, numbers))
            and min(counted) >= 0
            and set(self.counts) <= cells
            and sum(self.counts.values()) >= self.values
            and min(self.shares) >= 0
            and math.isclose(sum(self.shares), 1, abs_tol=1e-9)
            and (self.alarmed_at_s is None) == (self.alarmed_after_exams is None)
            and (self.exam is None or _sound_exam(self.exam))
            and (self.hour is None or _sound_hour(self.hour))
        )
        if not sound:
            raise InputError(
                expected="a drift record as edge-nt wrote it",
                got="figures that no monitor gives",
                fix="restore the file, or remove it to begin anew",
            )


def _sound_exam(exam: OpenExam) -> bool:
    numbers = (exam.first_s, exam.last_s, exam.drawn_score, exam.drawn_at_s)
    return all(map(math.isfinite, numbers)) and exam.drawn_score >= 0 and exam.frames >= 1


def _sound_hour(hour: OpenHour) -> bool:
    counted = (hour.frames, hour.out, hour.failed, *hour.p_counts)
    sums_up = len(hour.p_counts) == P_CELLS and sum(hour.p_counts) == hour.frames
    return min(counted) >= 0 and sums_up and all(map(math.isfinite, hour.component_sums))
