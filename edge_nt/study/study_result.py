"""What a study found, as it stands in study.json; read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edge_nt.machine import Machine
from edge_nt.metrics.bootstrap import Interval

RESULT_NAME, TABLE_NAME = "study.json", "study.md"


@dataclass(frozen=True)
class MetricOverSeeds:
    """A metric's mean over images, as mean and sample standard deviation over seeds; `sd` is None for one seed.

    `per_seed` is in the order of the arm's `seeds`.
    """

    metric: str
    higher_is_better: bool
    mean: float
    sd: float | None
    per_seed: tuple[float, ...]


@dataclass(frozen=True)
class ArmFigures:
    """An arm, or stage 1, on one side: what it scored with each of its finished `seeds`."""

    arm: str
    seeds: tuple[int, ...]
    metrics: tuple[MetricOverSeeds, ...]


@dataclass(frozen=True)
class Change:
    """What an arm changed in one metric: `relative` (0.1 is 10 % more) for errors, else `difference` in its own unit.

    `interval` is a paired bootstrap over the images, each averaged over the seeds first; None where a ratio says
    nothing. `seeds_agreeing` of `per_seed` have the sign of the estimate, none where there is no change.
    """

    metric: str
    higher_is_better: bool
    kind: Literal["relative", "difference"]
    interval: Interval | None
    per_seed: tuple[float, ...]
    seeds_agreeing: int


@dataclass(frozen=True)
class Comparison:
    """`arm` minus `against` over the `seeds` that both have finished."""

    arm: str
    against: str
    seeds: tuple[int, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class SideFigures:
    """Source validation or the unseen site; `scan_measurable_share` is the caliper's on the scans that have a box."""

    side: str
    images: int
    images_with_roi: int
    scan_measurable_share: float | None
    arms: tuple[ArmFigures, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class ArmTraining:
    """How one arm was trained with one seed: loss weights and measured gradient norms by term."""

    arm: str
    seed: int
    steps: int
    checkpoint_sha256: str
    loss_weights: dict[str, float]
    gradient_norms: dict[str, float]


@dataclass(frozen=True)
class SiteFigures:
    """One held-out site; `missing` names what is not finished yet. No sides before the first arm is."""

    name: str
    held_out: str
    sources: tuple[str, ...]
    missing: tuple[str, ...]
    sides: tuple[SideFigures, ...]
    trainings: tuple[ArmTraining, ...]


@dataclass(frozen=True)
class Study:
    """A whole study, or what there is of it: `complete` when no site misses anything."""

    edge_nt_version: str
    torch_version: str
    dataset: str
    synthetic: bool
    tables: dict[str, str]
    structure: str
    protocol_sha256: str
    recipe: dict[str, Any]
    complete: bool
    sites: tuple[SiteFigures, ...]
    machine: Machine
    kind: Literal["edge-nt study"] = "edge-nt study"
    schema_version: Literal[1] = 1
