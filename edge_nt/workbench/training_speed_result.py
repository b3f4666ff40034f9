"""What `edge-nt bench-training` measured, as it stands in its JSON file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_nt.bench.latency_stats import LatencyStats
from edge_nt.machine import Machine
from edge_nt.metrics.bootstrap import Interval


@dataclass(frozen=True)
class WayResult:
    """One way to train: images a second (batch size over the median step) and the steps behind it.

    `loader_share` is the part of the counted time that a step waited for its batch. `speed_up` is over the faster of
    the plain ways, by medians.
    """

    name: str
    images_per_s: float
    step: LatencyStats
    loader_share: float
    speed_up: float


@dataclass(frozen=True)
class LossCurve:
    """The loss of every step, as whole millionths between spaces: one line of JSON instead of hundreds."""

    name: str
    seed: int
    loss_millionths: str


@dataclass(frozen=True)
class CurveGap:
    """How far apart two smoothed loss curves run."""

    first: str
    second: str
    largest: float
    mean: float


@dataclass(frozen=True)
class ProfilePart:
    """One part of a step: the median over the profiled steps, and its share of the sum of all medians."""

    part: str
    p50_ms: float
    share: float


@dataclass(frozen=True)
class StepProfile:
    """One way's step in one stage by part; the clock is read between the parts, so nothing overlaps."""

    way: str
    stage: int
    steps: int
    parts: tuple[ProfilePart, ...]


@dataclass(frozen=True)
class OptimizerCost:
    """The step of one choice of optimisers: its median, and that over all else of a step of ours in stage 1."""

    name: str
    p50_ms: float
    of_the_rest: float


@dataclass(frozen=True)
class LossEquality:
    """Ours against pytorch-msssim on pairs of scans and reconstructions: the worst over the batches.

    `gradient` is ‖ours − theirs‖ / ‖theirs‖ over a batch's pixels.
    """

    images: int
    inside_bf16_autocast: bool
    worst_value_difference: float
    worst_gradient_difference: float


@dataclass(frozen=True)
class TrainingSpeed:
    """The plain recipe against ours in one run; `speed_up` is the paired ratio over the rounds, with its interval."""

    dataset: str
    synthetic: bool
    held_out_hospital: str
    machine: Machine
    torch_version: str
    device: str
    precision: str
    threads: int
    others_cores: float | None
    warnings: tuple[str, ...]
    height_px: int
    width_px: int
    batch_size: int
    steps: int
    block_steps: int
    smoothing_steps: int
    ways: tuple[WayResult, ...]
    speed_up: Interval
    curves: tuple[LossCurve, ...]
    ours_against_plain: CurveGap
    plain_against_plain: CurveGap
    profiles: tuple[StepProfile, ...]
    ms_ssim: tuple[LossEquality, ...]
    optimizers: tuple[OptimizerCost, ...] = ()
    kind: Literal["edge-nt training-speed"] = "edge-nt training-speed"
    schema_version: Literal[1] = 1
