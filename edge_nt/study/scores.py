"""What one arm scored, image by image: everything that the study's table is made of, kept when weights are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCORES_NAME = "scores.json"
SOURCE_VALIDATION, UNSEEN = "source validation", "unseen site"
SIDES = (SOURCE_VALIDATION, UNSEEN)


@dataclass(frozen=True)
class RegionScore:
    """Losses inside the ROI in [0, 1] and dB, and whether the caliper can measure the scan and the reconstruction."""

    mae: float
    edge_mae: float
    psnr_db: float
    scan_measurable: bool
    measurable: bool


@dataclass(frozen=True)
class ImageScore:
    """One image at network size; `regions` by structure, without those that it has no region of."""

    file: str
    side: str
    site: str
    psnr_db: float
    ms_ssim: float
    regions: dict[str, RegionScore]


@dataclass(frozen=True)
class ArmScores:
    """What the model of an arm, or of stage 1, scored on source validation and at the unseen site.

    `loss_weights` are those that its last stage minimised with, `gradient_norms` the means that were measured before
    its first step, both by term; norms are empty where none were measured. `device`, `precision`, `threads` and
    `torch_version` are what the arm was trained with, `trainers` the software that did its last stage, in its order
    (see `edge_nt.training.software`), `scorer` the one that scored (`this_scorer`); both are empty in scores from
    before they were recorded. `stage1_of` is the SHA-256 of the stage 1 that it branched from, None for stage 1 itself
    and where it was not recorded.
    """

    site: str
    seed: int
    arm: str
    checkpoint_sha256: str
    steps: int
    loss_weights: dict[str, float]
    gradient_norms: dict[str, float]
    device: str
    precision: str
    threads: int
    torch_version: str
    images: tuple[ImageScore, ...]
    trainers: tuple[str, ...] = ()
    stage1_of: str | None = None
    scorer: str = ""
    kind: Literal["edge-nt study scores"] = "edge-nt study scores"
    schema_version: Literal[2] = 2
