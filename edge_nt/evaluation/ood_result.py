"""What the OOD protocols measured, as it stands in ood.json; read without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edge_nt.metrics.bootstrap import Interval

OOD_RESULT_NAME = "ood.json"

Family = Literal["unseen site", "folder", "corruption"]


@dataclass(frozen=True)
class ScoreFigures:
    """One score on the frames of a protocol, against held-in validation.

    `flagged_share` in [0, 1] of frames above the threshold of 5 % false alarms; FPR at 95 % TPR is the rest, with
    the interval of both (frames and threshold) redrawn.
    """

    score: str
    auroc: Interval
    fpr_at_95_tpr: Interval
    flagged_share: float


@dataclass(frozen=True)
class Protocol:
    """Frames that are not as those of the source; `level` with its `unit` where a corruption has several."""

    name: str
    family: Family
    level: float | None
    unit: str
    frames: int
    figures: tuple[ScoreFigures, ...]


@dataclass(frozen=True)
class ScoreSetting:
    """A score, its threshold, the share of held-in validation above it, and what it did on source frames alone.

    `source_auroc` and `source_flagged_share` are means over every level of every corruption of held-in validation:
    what the default was chosen by.
    """

    score: str
    meaning: str
    threshold: float
    false_alarm_share: float
    source_auroc: float
    source_flagged_share: float


@dataclass(frozen=True)
class StageProtocols:
    """Every protocol with the encoder of one stage. `best_on_source` has the highest `source_auroc` of the scores."""

    stage: str
    training_frames: int
    validation_frames: int
    scores: tuple[ScoreSetting, ...]
    best_on_source: str
    protocols: tuple[Protocol, ...]


@dataclass(frozen=True)
class OodReport:
    """Everything that was measured. `measured_utc` is when it ended; `default` is the score that bundles ship.

    `panels` are pictures beside ood.json. `dataset_tables` are the SHA-256 of the tables that were used, by name; empty
    in results from before they were recorded.
    """

    edge_nt_version: str
    measured_utc: str
    run: str
    checkpoint_sha256: dict[str, str]
    dataset: str
    synthetic: bool
    held_out_hospital: str
    seed: int
    kept_share: float
    default: str
    stages: tuple[StageProtocols, ...]
    panels: tuple[str, ...]
    dataset_tables: dict[str, str] = field(default_factory=dict)
    kind: Literal["edge-nt ood"] = "edge-nt ood"
    schema_version: Literal[1] = 1
