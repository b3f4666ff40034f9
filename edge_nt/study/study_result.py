"""What a study found, as it stands in study.json; read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edge_nt.imaging.letterbox import Preprocess
from edge_nt.machine import Machine
from edge_nt.metrics.bootstrap import Interval

RESULT_NAME, TABLE_NAME = "study.json", "study.md"


@dataclass(frozen=True)
class MetricOverSeeds:
    """A metric's mean over images, as mean and sample standard deviation over seeds; `sd` is None for one seed.

    `structure` is the region's that it was taken in, None for the whole image; `per_seed` is in the order of the arm's
    `seeds`.
    """

    metric: str
    structure: str | None
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

    `structure` is the region's that it was taken in, None for the whole image.
    `interval` is a paired bootstrap over the images, each averaged over the seeds first; None where a ratio says
    nothing. `seeds_agreeing` of `per_seed` have the sign of the estimate, none where there is no change.
    """

    metric: str
    structure: str | None
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
class StructureImages:
    """How many images of a side have the structure, and on which share of these scans the caliper measures it."""

    structure: str
    images: int
    scan_measurable_share: float | None


@dataclass(frozen=True)
class SideFigures:
    """Source validation or the unseen site."""

    side: str
    images: int
    structures: tuple[StructureImages, ...]
    arms: tuple[ArmFigures, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class ArmTraining:
    """How one arm was trained with one seed: see `ArmScores`, whose fields these are."""

    arm: str
    seed: int
    steps: int
    checkpoint_sha256: str
    loss_weights: dict[str, float]
    gradient_norms: dict[str, float]
    device: str
    precision: str
    threads: int
    torch_version: str
    trainers: tuple[str, ...] = ()
    scorer: str = ""


@dataclass(frozen=True)
class ArmTiming:
    """How long an arm's steps took on the machine that trained it, and how long of that they waited for their batch.

    `ended_utc` is when its last step was done, such as 2026-11-23T14:05:00Z; empty in studies from before it was noted.
    """

    site: str
    seed: int
    arm: str
    steps_s: float
    waited_for_data_s: float
    ended_utc: str = ""


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
    """A whole study, or what there is of it: `complete` when no site misses anything.

    `machine` is the one that wrote this; what each arm was trained with stands in `trainings`. `timings` are those of
    the run folders that are there; they alone, and `machine`, differ between equal studies.
    """

    edge_nt_version: str
    torch_version: str
    dataset: str
    synthetic: bool
    tables: dict[str, str]
    structures: tuple[str, ...]
    preprocess: Preprocess
    protocol_sha256: str
    recipe: dict[str, Any]
    complete: bool
    sites: tuple[SiteFigures, ...]
    timings: tuple[ArmTiming, ...]
    machine: Machine
    kind: Literal["edge-nt study"] = "edge-nt study"
    schema_version: Literal[2] = 2
