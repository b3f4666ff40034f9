from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_nt.evaluation.summary import (
    HELD_OUT,
    SOURCE_VALIDATION,
    GroupSummary,
    ImageRecord,
    MetricSummary,
    RegionSummary,
    summarise,
)
from edge_nt.metrics.roi_metrics import ImageMetrics, RoiMetrics


def _metrics(value: float, with_roi: bool) -> ImageMetrics:
    regions = {"NT": RoiMetrics(value / 10, value / 20, 20 + value)} if with_roi else {}
    return ImageMetrics(10 + value, value / 4, value / 2, regions)


def _record(hospital: str, split: str, first: float, second: float, with_roi: bool = True) -> ImageRecord:
    return ImageRecord("x.png", hospital, split, _metrics(first, with_roi), _metrics(second, with_roi))


RECORDS = (
    _record("c", HELD_OUT, 1.0, 0.5, with_roi=False),
    _record("b", SOURCE_VALIDATION, 1.0, 0.6),
    _record("a", SOURCE_VALIDATION, 2.0, 1.4),
    _record("b", SOURCE_VALIDATION, 1.5, 1.2, with_roi=False),
)


def _metric(group: GroupSummary | RegionSummary, name: str) -> MetricSummary:
    return next(metric for metric in group.metrics if metric.metric == name)


def test_groups_are_the_split_and_then_its_hospitals() -> None:
    groups = summarise(RECORDS, ("NT",), resamples=50)
    assert [(group.split, group.hospital, group.images, [r.images for r in group.regions]) for group in groups] == [
        (SOURCE_VALIDATION, None, 3, [2]),
        (SOURCE_VALIDATION, "a", 1, [1]),
        (SOURCE_VALIDATION, "b", 2, [1]),
        (HELD_OUT, None, 1, []),
        (HELD_OUT, "c", 1, []),
    ]


def test_means_and_changes_are_over_the_images_that_have_the_metric() -> None:
    group = summarise(RECORDS, ("NT",), resamples=50)[0]
    psnr = _metric(group, "psnr_db")
    assert psnr.stage1.estimate == pytest.approx(np.mean([11, 12, 11.5]))
    assert psnr.stage2.estimate == pytest.approx(np.mean([10.6, 11.4, 11.2]))
    (region,) = group.regions
    roi = _metric(region, "roi_mae")
    assert (roi.stage1.n, roi.higher_is_better, psnr.higher_is_better) == (2, False, True)
    assert roi.difference.estimate == pytest.approx(0.1 - 0.15)
    assert roi.relative_change is not None
    assert roi.relative_change.estimate == pytest.approx(0.2 / 0.3 - 1)
    assert _metric(region, "roi_edge_mae").stage2.estimate == pytest.approx(0.05)
    assert _metric(region, "roi_psnr_db").stage1.estimate == pytest.approx(21.5)


def test_a_group_without_regions_has_metrics_of_whole_images_only() -> None:
    held_out = summarise(RECORDS, ("NT",), resamples=50)[3]
    assert [metric.metric for metric in held_out.metrics] == ["psnr_db", "ssim", "ms_ssim"]
    assert held_out.regions == ()


def test_one_structures_figures_do_not_depend_on_another() -> None:
    def with_bone(record: ImageRecord, mae: float) -> ImageRecord:
        bone = {"bone": RoiMetrics(mae, 0.3, 12.0)}
        stages = (replace(stage, regions=bone | stage.regions) for stage in (record.stage1, record.stage2))
        return ImageRecord(record.file, record.hospital, record.split, *stages)

    alone = summarise(RECORDS, ("NT",), resamples=50)
    for shift in (0.0, 0.4):
        records = tuple(with_bone(record, 0.1 * at + shift) for at, record in enumerate(RECORDS))
        both = summarise(records, ("NT", "bone"), resamples=50)
        for one, two in zip(alone, both, strict=True):
            assert one.metrics == two.metrics
            assert one.regions == two.regions[:-1]
            assert (two.regions[-1].structure, two.regions[-1].images) == ("bone", two.images)
        assert _metric(both[0].regions[1], "roi_mae").stage2.estimate == pytest.approx(0.2 + shift)
