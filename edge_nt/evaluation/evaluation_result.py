"""What an evaluation measured, as it stands in evaluation.json; read without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edge_nt.evaluation.panel_layout import PanelCell
from edge_nt.evaluation.summary import GroupSummary, ImageRecord

RESULTS_NAME = "evaluation.json"


@dataclass(frozen=True)
class OodComparison:
    """Held-in validation against the frames of `name`: AUROC (0.5 is chance) and FPR at 95 % of validation kept.

    `scores` has one for each frame.
    """

    name: str
    frames: int
    median_score: float
    auroc: float
    fpr_at_95_tpr: float
    scores: tuple[float, ...]


@dataclass(frozen=True)
class StageOod:
    """The OOD statistics of one stage's encoder, and what they tell apart; a frame above `threshold` is out."""

    stage: str
    hospitals: tuple[str, ...]
    training_frames: int
    validation_frames: int
    validation_median_score: float
    validation_scores: tuple[float, ...]
    threshold: float
    quantile: float
    shrinkage: float
    comparisons: tuple[OodComparison, ...]


@dataclass(frozen=True)
class Example:
    """One row of a panel: best, median or worst of its split, its place in `images`, and where its pictures lie."""

    rank: str
    image: int
    cells: tuple[PanelCell, ...]


@dataclass(frozen=True)
class Panel:
    """A panel picture of one structure beside evaluation.json, by file name and SHA-256 of its bytes."""

    file: str
    sha256: str
    split: str
    structure: str
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured. `measured_utc` is when the measurement ended, such as 2026-11-23T14:05:00Z.

    `structures` are the run's, the measured one first. `dataset_tables` are the SHA-256 of the tables that were used,
    by name, and `pictures` is the digest of the run's pictures; both are empty where they were not recorded.
    """

    edge_nt_version: str
    measured_utc: str
    run: str
    checkpoint_sha256: dict[str, str]
    dataset: str
    synthetic: bool
    structures: tuple[str, ...]
    held_out_hospital: str
    groups: tuple[GroupSummary, ...]
    ood: tuple[StageOod, ...]
    panels: tuple[Panel, ...]
    images: tuple[ImageRecord, ...]
    dataset_tables: dict[str, str] = field(default_factory=dict)
    pictures: str = ""
    kind: Literal["edge-nt evaluation"] = "edge-nt evaluation"
    schema_version: Literal[3] = 3
