from __future__ import annotations

import numpy as np
import pytest

from edge_nt.evaluation.summary import HELD_OUT, SOURCE_VALIDATION, GroupSummary, ImageRecord, MetricSummary, summarise
from edge_nt.metrics.roi_metrics import ImageMetrics, RoiMetrics


def _metrics(value: float, with_roi: bool) -> ImageMetrics:
    roi = RoiMetrics(value / 10, value / 20, 20 + value) if with_roi else None
    return ImageMetrics(10 + value, value / 4, value / 2, roi)


def _record(hospital: str, split: str, first: float, second: float, with_roi: bool = True) -> ImageRecord:
    return ImageRecord("x.png", hospital, split, _metrics(first, with_roi), _metrics(second, with_roi))


RECORDS = (
    _record("c", HELD_OUT, 1.0, 0.5, with_roi=False),
    _record("b", SOURCE_VALIDATION, 1.0, 0.6),
    _record("a", SOURCE_VALIDATION, 2.0, 1.4),
    _record("b", SOURCE_VALIDATION, 1.5, 1.2, with_roi=False),
)


def _metric(group: GroupSummary, name: str) -> MetricSummary:
    return next(metric for metric in group.metrics if metric.metric == name)


def test_groups_are_the_split_and_then_its_hospitals() -> None:
    groups = summarise(RECORDS, resamples=50)
    assert [(group.split, group.hospital, group.images, group.images_with_roi) for group in groups] == [
        (SOURCE_VALIDATION, None, 3, 2),
        (SOURCE_VALIDATION, "a", 1, 1),
        (SOURCE_VALIDATION, "b", 2, 1),
        (HELD_OUT, None, 1, 0),
        (HELD_OUT, "c", 1, 0),
    ]


def test_means_and_changes_are_over_the_images_that_have_the_metric() -> None:
    group = summarise(RECORDS, resamples=50)[0]
    psnr = _metric(group, "psnr_db")
    assert psnr.stage1.estimate == pytest.approx(np.mean([11, 12, 11.5]))
    assert psnr.stage2.estimate == pytest.approx(np.mean([10.6, 11.4, 11.2]))
    roi = _metric(group, "roi_mae")
    assert (roi.stage1.n, roi.higher_is_better, psnr.higher_is_better) == (2, False, True)
    assert roi.difference.estimate == pytest.approx(0.1 - 0.15)
    assert roi.relative_change is not None
    assert roi.relative_change.estimate == pytest.approx(0.2 / 0.3 - 1)
    assert _metric(group, "roi_edge_mae").stage2.estimate == pytest.approx(0.05)
    assert _metric(group, "roi_psnr_db").stage1.estimate == pytest.approx(21.5)


def test_a_group_without_regions_has_no_region_metrics() -> None:
    held_out = summarise(RECORDS, resamples=50)[3]
    assert [metric.metric for metric in held_out.metrics] == ["psnr_db", "ssim", "ms_ssim"]
