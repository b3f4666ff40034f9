"""Stage 1 beside stage 2 by split and hospital: means, what changed, and bootstrap intervals over the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.metrics.bootstrap import (
    Interval,
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_relative_change,
)
from edge_nt.metrics.roi_metrics import ImageMetrics

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
class GroupSummary:
    """One split, or one hospital of it; `hospital` is None for the whole split. Without boxes, no ROI metrics."""

    split: str
    hospital: str | None
    images: int
    images_with_roi: int
    metrics: tuple[MetricSummary, ...]


@dataclass(frozen=True)
class _Metric:
    name: str
    higher_is_better: bool
    value: Callable[[ImageMetrics], float | None]


_METRICS = (
    _Metric("psnr_db", True, lambda metrics: metrics.psnr_db),
    _Metric("ssim", True, lambda metrics: metrics.ssim),
    _Metric("ms_ssim", True, lambda metrics: metrics.ms_ssim),
    _Metric("roi_mae", False, lambda metrics: metrics.roi.mae if metrics.roi else None),
    _Metric("roi_edge_mae", False, lambda metrics: metrics.roi.edge_mae if metrics.roi else None),
    _Metric("roi_psnr_db", True, lambda metrics: metrics.roi.psnr if metrics.roi else None),
)


def summarise(records: tuple[ImageRecord, ...], *, resamples: int = 2000, seed: int = 0) -> tuple[GroupSummary, ...]:
    """Summaries of each split that has images, the whole split first and then each hospital of it by name."""
    groups = []
    for split in (SOURCE_VALIDATION, HELD_OUT):
        in_split = [record for record in records if record.split == split]
        if in_split:
            groups.append(_group(split, None, in_split, resamples, seed))
        for hospital in sorted({record.hospital for record in in_split}):
            of_hospital = [record for record in in_split if record.hospital == hospital]
            groups.append(_group(split, hospital, of_hospital, resamples, seed))
    return tuple(groups)


def _group(split: str, hospital: str | None, records: list[ImageRecord], resamples: int, seed: int) -> GroupSummary:
    summaries = []
    for metric in _METRICS:
        before = _values(metric, [record.stage1 for record in records])
        after = _values(metric, [record.stage2 for record in records])
        if before.size:
            summaries.append(_metric_summary(metric, before, after, resamples, seed))
    with_roi = sum(record.stage1.roi is not None for record in records)
    return GroupSummary(split, hospital, len(records), with_roi, tuple(summaries))


def _values(metric: _Metric, all_metrics: list[ImageMetrics]) -> NDArray[np.float64]:
    values = [metric.value(metrics) for metrics in all_metrics]
    return np.array([value for value in values if value is not None], np.float64)


def _metric_summary(
    metric: _Metric, before: NDArray[np.float64], after: NDArray[np.float64], resamples: int, seed: int
) -> MetricSummary:
    return MetricSummary(
        metric.name,
        metric.higher_is_better,
        bootstrap_interval(before, resamples=resamples, seed=seed),
        bootstrap_interval(after, resamples=resamples, seed=seed),
        bootstrap_difference(before, after, resamples=resamples, seed=seed),
        bootstrap_relative_change(before, after, resamples=resamples, seed=seed),
    )
