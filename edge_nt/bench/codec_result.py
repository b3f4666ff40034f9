"""What standard picture codecs keep of a scan in the bytes of a latent, as it stands in a bench report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_nt.metrics.bootstrap import Interval

MetricName = Literal["roi_mae", "roi_edge_mae", "psnr_db", "ms_ssim"]
Winner = Literal["ours", "codec", "neither"]


@dataclass(frozen=True)
class CodingMetric:
    """One metric of one coder over the images of a group that have it, those that did not fit left out.

    `against_ours` is coder − ours over the same images, None for ours itself; `winner` is who is better by that whole
    interval, ``neither`` where it holds 0, and None for a bundle of ours.
    """

    metric: MetricName
    higher_is_better: bool
    mean: Interval
    against_ours: Interval | None
    winner: Winner | None


@dataclass(frozen=True)
class EqualErrorBytes:
    """Payload bytes with which a codec reaches our ROI MAE, image by image: median and quartiles over `images`.

    `not_reached` images are not among them: no setting of the codec had so small an error. Without any image the
    others are None.
    """

    images: int
    not_reached: int
    median: float | None
    quartile_1: float | None
    quartile_3: float | None


@dataclass(frozen=True)
class CodingResult:
    """One coder on one group. `did_not_fit` images had no coding within the budget and are in no mean.

    `mean_payload_bytes` counts the coded picture alone, `mean_file_bytes` the container too; for ours both are the
    latent.
    """

    coder: str
    group: str
    images: int
    images_with_roi: int
    did_not_fit: int
    mean_payload_bytes: float
    mean_file_bytes: float
    metrics: tuple[CodingMetric, ...]
    bytes_at_our_roi_mae: EqualErrorBytes | None


@dataclass(frozen=True)
class Codecs:
    """Codecs against latents in float16 of `budget_bytes`; differences are against the coder `ours`.

    `versions` names the library behind each codec.
    """

    dataset: str
    synthetic: bool
    budget_bytes: int
    ours: str
    versions: dict[str, str]
    results: tuple[CodingResult, ...]
