"""From per-image scores of every finished arm to means over seeds, and changes with intervals over the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.metrics.bootstrap import bootstrap_difference, bootstrap_relative_change
from edge_nt.study.protocol import CONTROL, STAGE1
from edge_nt.study.scores import SIDES, ArmScores, ImageScore, RegionScore
from edge_nt.study.study_result import (
    ArmFigures,
    Change,
    Comparison,
    MetricOverSeeds,
    SideFigures,
    StructureImages,
)

# The scores of one arm by seed, and those of every arm by its name, stage 1 first.
BySeed = Mapping[int, ArmScores]
ByArm = Mapping[str, BySeed]
_SEED = 0


@dataclass(frozen=True)
class Metric:
    """One of the table's columns: of the whole image, or inside `structure`, where not every image has a value."""

    name: str
    structure: str | None
    higher_is_better: bool
    relative: bool
    value: Callable[[ImageScore], float | None]


def metrics_of(structures: Sequence[str]) -> tuple[Metric, ...]:
    """Those of the whole image, then those inside each structure in turn."""
    return (
        Metric("psnr_db", None, True, False, lambda image: image.psnr_db),
        Metric("ms_ssim", None, True, False, lambda image: image.ms_ssim),
        *(metric for structure in structures for metric in _inside(structure)),
    )


def _inside(structure: str) -> tuple[Metric, ...]:
    def of(pick: Callable[[RegionScore], float]) -> Callable[[ImageScore], float | None]:
        return lambda image: float(pick(image.regions[structure])) if structure in image.regions else None

    return (
        Metric("roi_mae", structure, False, True, of(lambda region: region.mae)),
        Metric("roi_edge_mae", structure, False, True, of(lambda region: region.edge_mae)),
        Metric("roi_psnr_db", structure, True, False, of(lambda region: region.psnr_db)),
        Metric("caliper_measurable", structure, True, False, of(lambda region: region.measurable)),
    )


def side_figures(scores: ByArm, structures: Sequence[str]) -> tuple[SideFigures, ...]:
    """Each side of one site over the finished arms and seeds; none where nothing is finished.

    Raises: InputError when two arms were scored on different images.
    """
    every = [each for by_seed in scores.values() for each in by_seed.values()]
    _refuse_other_images(every)
    return tuple(_side(side, scores, structures) for side in SIDES) if every else ()


def _side(side: str, scores: ByArm, structures: Sequence[str]) -> SideFigures:
    images = next(_on_side(each, side) for by_seed in scores.values() for each in by_seed.values())
    metrics = metrics_of(structures)
    pairs = [(arm, against) for against in (CONTROL, STAGE1) for arm in scores if arm not in (against, STAGE1)]
    return SideFigures(
        side=side,
        images=len(images),
        structures=tuple(_structure(structure, images) for structure in structures),
        arms=tuple(_arm(arm, side, by_seed, metrics) for arm, by_seed in scores.items()),
        comparisons=tuple(
            _comparison(arm, against, side, scores, metrics)
            for arm, against in pairs
            if set(scores[arm]) & set(scores.get(against, ()))
        ),
    )


def _structure(structure: str, images: Sequence[ImageScore]) -> StructureImages:
    measurable = [image.regions[structure].scan_measurable for image in images if structure in image.regions]
    return StructureImages(structure, len(measurable), float(np.mean(measurable)) if measurable else None)


def _arm(arm: str, side: str, by_seed: BySeed, metrics: Sequence[Metric]) -> ArmFigures:
    found = []
    for metric in metrics:
        values = _values(metric, side, by_seed, tuple(by_seed))
        if values.size:
            means = values.mean(axis=1)
            sd = float(means.std(ddof=1)) if len(means) > 1 else None
            per_seed = tuple(float(mean) for mean in means)
            found.append(
                MetricOverSeeds(
                    metric.name, metric.structure, metric.higher_is_better, float(means.mean()), sd, per_seed
                )
            )
    return ArmFigures(arm, tuple(by_seed), tuple(found))


def _comparison(arm: str, against: str, side: str, scores: ByArm, metrics: Sequence[Metric]) -> Comparison:
    seeds = tuple(seed for seed in scores[arm] if seed in scores[against])
    changes = []
    for metric in metrics:
        after = _values(metric, side, scores[arm], seeds)
        before = _values(metric, side, scores[against], seeds)
        if after.size:
            changes.append(_change(metric, before, after))
    return Comparison(arm, against, seeds, tuple(changes))


def _change(metric: Metric, before: NDArray[np.float64], after: NDArray[np.float64]) -> Change:
    """The change from values (seeds, images) to others of the same seeds and images."""
    bootstrap = bootstrap_relative_change if metric.relative else bootstrap_difference
    interval = bootstrap(before.mean(axis=0), after.mean(axis=0), seed=_SEED)
    first, second = before.mean(axis=1), after.mean(axis=1)
    per_seed = second / first - 1 if metric.relative else second - first
    direction = float(np.sign(after.mean() - before.mean()))
    return Change(
        metric=metric.name,
        structure=metric.structure,
        higher_is_better=metric.higher_is_better,
        kind="relative" if metric.relative else "difference",
        interval=interval,
        per_seed=tuple(float(each) for each in per_seed),
        # No change at all has no sign that a seed could agree with.
        seeds_agreeing=int(np.sum(np.sign(second - first) == direction)) if direction else 0,
    )


def _values(metric: Metric, side: str, by_seed: BySeed, seeds: tuple[int, ...]) -> NDArray[np.float64]:
    """The metric's values (seeds, images that have it)."""
    rows = [[metric.value(image) for image in _on_side(by_seed[seed], side)] for seed in seeds]
    return np.array([[value for value in row if value is not None] for row in rows], np.float64)


def _on_side(scores: ArmScores, side: str) -> tuple[ImageScore, ...]:
    return tuple(image for image in scores.images if image.side == side)


def _of_the_scan(image: ImageScore) -> list[tuple[str, bool]]:
    return sorted((name, region.scan_measurable) for name, region in image.regions.items())


def _refuse_other_images(scores: list[ArmScores]) -> None:
    # Whether the scans themselves can be measured too: other pixels or boxes change that, unless they are near the old.
    # `refuse_changed_data` found those when the arms were scored.
    keys = [[(image.file, image.side, _of_the_scan(image)) for image in each.images] for each in scores]
    for other, found in zip(scores, keys, strict=True):
        if found != keys[0]:
            raise InputError(
                expected=f"the same images for every arm of {other.site}",
                got=f"others for {other.arm} with seed {other.seed}",
                fix="remove its scores.json and run the study again",
            )
