"""Stage 1 beside stage 2 by split and hospital: means, what changed, and bootstrap intervals over the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_nt.metrics.bootstrap import (
    Interval,
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_relative_change,
)
from edge_nt.metrics.roi_metrics import ImageMetrics, RoiMetrics

SOURCE_VALIDATION = "source validation"
HELD_OUT = "held-out hospital"


@dataclass(frozen=True)
class ImageRecord:
    """One evaluated image: what either stage made of it. `split` is SOURCE_VALIDATION or HELD_OUT."""

    file: str
    hospital: str
    split: str
    stage1: ImageMetrics
    stage2: ImageMetrics


@dataclass(frozen=True)
class MetricSummary:
    """Means of one metric after each stage, over the images that have it, and what stage 2 changed.

    `difference` is stage 2 − stage 1 and `relative_change` stage 2 / stage 1 − 1, both over the same images;
    `relative_change` is None where stage 1's mean may be zero, so that a ratio says nothing.
    """

    metric: str
    higher_is_better: bool
    stage1: Interval
    stage2: Interval
    difference: Interval
    relative_change: Interval | None


@dataclass(frozen=True)
class RegionSummary:
    """One structure in a group: its metrics over the `images` that have a region of it."""

    structure: str
    images: int
    metrics: tuple[MetricSummary, ...]


@dataclass(frozen=True)
class GroupSummary:
    """One split, or one hospital of it; `hospital` is None for the whole split.

    `metrics` are of whole images, `regions` of each structure that any image of the group has.
    """

    split: str
    hospital: str | None
    images: int
    metrics: tuple[MetricSummary, ...]
    regions: tuple[RegionSummary, ...]


Measured = TypeVar("Measured")


@dataclass(frozen=True)
class _Metric(Generic[Measured]):
    name: str
    higher_is_better: bool
    value: Callable[[Measured], float]


_IMAGE_METRICS = (
    _Metric[ImageMetrics]("psnr_db", True, lambda image: image.psnr_db),
    _Metric[ImageMetrics]("ssim", True, lambda image: image.ssim),
    _Metric[ImageMetrics]("ms_ssim", True, lambda image: image.ms_ssim),
)
_ROI_METRICS = (
    _Metric[RoiMetrics]("roi_mae", False, lambda region: region.mae),
    _Metric[RoiMetrics]("roi_edge_mae", False, lambda region: region.edge_mae),
    _Metric[RoiMetrics]("roi_psnr_db", True, lambda region: region.psnr),
)


def summarise(
    records: tuple[ImageRecord, ...], structures: tuple[str, ...], *, resamples: int = 2000, seed: int = 0
) -> tuple[GroupSummary, ...]:
    """Summaries of each split that has images, the whole split first and then each hospital of it by name."""
    groups = []
    for split in (SOURCE_VALIDATION, HELD_OUT):
        in_split = [record for record in records if record.split == split]
        hospitals = [None, *sorted({record.hospital for record in in_split})] if in_split else []
        for hospital in hospitals:
            chosen = [record for record in in_split if hospital in (None, record.hospital)]
            images = [(record.stage1, record.stage2) for record in chosen]
            metrics = _summaries(_IMAGE_METRICS, images, resamples, seed)
            regions = _regions(structures, images, resamples, seed)
            groups.append(GroupSummary(split, hospital, len(chosen), metrics, regions))
    return tuple(groups)


def _regions(
    structures: tuple[str, ...], images: list[tuple[ImageMetrics, ImageMetrics]], resamples: int, seed: int
) -> tuple[RegionSummary, ...]:
    summaries = []
    for structure in structures:
        pairs = [
            (before.regions[structure], after.regions[structure])
            for before, after in images
            if structure in before.regions
        ]
        if pairs:
            metrics = _summaries(_ROI_METRICS, pairs, resamples, seed)
            summaries.append(RegionSummary(structure, len(pairs), metrics))
    return tuple(summaries)


def _summaries(
    metrics: tuple[_Metric[Measured], ...], pairs: list[tuple[Measured, Measured]], resamples: int, seed: int
) -> tuple[MetricSummary, ...]:
    """Each metric over (stage 1, stage 2) pairs of the same images."""
    summaries = []
    for metric in metrics:
        before, after = (np.array([metric.value(pair[stage]) for pair in pairs], np.float64) for stage in (0, 1))
        summaries.append(_metric_summary(metric.name, metric.higher_is_better, (before, after), resamples, seed))
    return tuple(summaries)


def _metric_summary(
    name: str,
    higher_is_better: bool,
    stages: tuple[NDArray[np.float64], NDArray[np.float64]],
    resamples: int,
    seed: int,
) -> MetricSummary:
    before, after = stages
    return MetricSummary(
        name,
        higher_is_better,
        bootstrap_interval(before, resamples=resamples, seed=seed),
        bootstrap_interval(after, resamples=resamples, seed=seed),
        bootstrap_difference(before, after, resamples=resamples, seed=seed),
        bootstrap_relative_change(before, after, resamples=resamples, seed=seed),
    )
