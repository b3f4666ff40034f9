"""Means over seeds and changes with intervals, against numpy and scipy on scores whose truth is known."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from edge_nt.errors import InputError
from edge_nt.study.figures import metrics_of
from edge_nt.study.figures import side_figures as figures_of
from edge_nt.study.scores import SIDES, SOURCE_VALIDATION, UNSEEN, ArmScores, ImageScore, RegionScore
from edge_nt.study.study_result import SideFigures, StructureImages

IMAGES = 40


def scores(arm: str, seed: int, factor: float, shift: float = 0.0) -> ArmScores:
    """Every image has its own level, the same in all arms; an arm multiplies errors and adds to dB; seeds jitter."""
    own, jitter = np.random.default_rng(7), np.random.default_rng(1000 + seed)
    images = []
    for side in SIDES:
        for index in range(IMAGES):
            level, noise = own.uniform(0.02, 0.2), jitter.normal(1, 0.01)
            region = RegionScore(level * factor * noise, 2 * level * factor, 20 + shift, True, index % 2 == 0)
            boxed = {"NT": region} if index % 4 else {}
            images.append(ImageScore(f"{side}/{index}", side, "a", 25 + level + shift, 0.9, boxed))
    return ArmScores("a", seed, arm, "c" * 64, 10, {"ms_ssim": 1.0}, {}, "cpu", "float32", 1, "2.0", tuple(images))


def side_figures(by_arm: Mapping[str, Mapping[int, ArmScores]]) -> tuple[SideFigures, ...]:
    return figures_of(by_arm, ["NT"])


def table(**factors: float) -> dict[str, dict[int, ArmScores]]:
    return {
        arm.replace("_", "-"): {seed: scores(arm, seed, factor) for seed in (0, 1, 2)}
        for arm, factor in factors.items()
    }


def test_means_and_deviations_over_seeds_are_those_of_numpy() -> None:
    by_arm = table(stage1=1.0, stage2=0.8)
    side = side_figures(by_arm)[1]
    assert (side.side, side.images, side.structures) == (UNSEEN, IMAGES, (StructureImages("NT", 30, 1.0),))
    arm = next(arm for arm in side.arms if arm.arm == "stage2")
    mae = next(metric for metric in arm.metrics if metric.metric == "roi_mae")
    expected = [
        np.mean([image.regions["NT"].mae for image in each.images if image.side == UNSEEN and image.regions])
        for each in by_arm["stage2"].values()
    ]
    assert mae.per_seed == pytest.approx(expected)
    assert mae.mean == pytest.approx(np.mean(expected))
    assert mae.sd == pytest.approx(np.std(expected, ddof=1))
    share = next(metric for metric in arm.metrics if metric.metric == "caliper_measurable")
    assert share.mean == pytest.approx(1 / 3)  # of boxed images, index % 4 != 0, the even ones: index % 4 == 2


def test_a_known_gain_is_found_on_every_seed_with_a_tight_paired_interval() -> None:
    side = side_figures(table(stage1=1.0, control=0.95, stage2=0.76))[0]
    pairs = [(comparison.arm, comparison.against) for comparison in side.comparisons]
    assert pairs == [("stage2", "control"), ("control", "stage1"), ("stage2", "stage1")]
    changes = {change.metric: change for change in side.comparisons[0].changes}
    mae, edge, db = changes["roi_mae"], changes["roi_edge_mae"], changes["psnr_db"]
    assert edge.interval is not None
    assert edge.interval.estimate == pytest.approx(-0.2)
    # Every image changes by the same factor: paired, nothing is left to chance, however unlike the images are.
    assert edge.interval.low == pytest.approx(-0.2)
    assert edge.interval.high == pytest.approx(-0.2)
    assert mae.per_seed == pytest.approx([-0.2] * 3)
    assert (mae.kind, mae.seeds_agreeing, edge.interval.n) == ("relative", 3, 30)
    assert (db.kind, db.interval.n if db.interval else 0) == ("difference", IMAGES)


def test_the_interval_over_images_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    by_arm = table(stage1=1.0, stage2=0.8)
    noisy = np.random.default_rng(3)
    for seed, each in by_arm["stage2"].items():
        moved = tuple(replace(image, psnr_db=image.psnr_db + noisy.normal(0.1, 0.5)) for image in each.images)
        by_arm["stage2"][seed] = replace(each, images=moved)
    change = side_figures(by_arm)[0].comparisons[0].changes[0]

    def over_seeds(arm: str) -> np.ndarray:
        values = [
            [image.psnr_db for image in each.images if image.side == SOURCE_VALIDATION] for each in by_arm[arm].values()
        ]
        return np.mean(values, axis=0)

    difference = over_seeds("stage2") - over_seeds("stage1")
    drawn = stats.bootstrap(
        (difference,), np.mean, n_resamples=20_000, method="percentile", random_state=np.random.default_rng(0)
    )
    assert change.interval is not None
    assert change.interval.estimate == pytest.approx(difference.mean())
    expected = drawn.confidence_interval
    assert (change.interval.low, change.interval.high) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_seeds_that_disagree_are_counted() -> None:
    by_arm = {
        "stage1": {seed: scores("stage1", seed, 1.0) for seed in (0, 1, 2)},
        "stage2": {seed: scores("stage2", seed, factor) for seed, factor in enumerate((0.7, 0.8, 1.2))},
    }
    mae = next(change for change in side_figures(by_arm)[0].comparisons[0].changes if change.metric == "roi_mae")
    assert mae.seeds_agreeing == 2


def test_no_change_at_all_has_no_sign_to_agree_with() -> None:
    change = side_figures(table(stage1=1.0, stage2=1.0))[0].comparisons[0].changes[0]
    assert change.interval is not None
    assert (change.interval.estimate, change.seeds_agreeing) == (0, 0)


def test_arms_with_other_seeds_are_compared_on_those_they_share() -> None:
    by_arm = table(stage1=1.0, stage2=0.8)
    del by_arm["stage2"][1]
    comparison = side_figures(by_arm)[0].comparisons[0]
    assert comparison.seeds == (0, 2)
    del by_arm["stage2"][0], by_arm["stage1"][2]
    assert side_figures(by_arm)[0].comparisons == ()


def test_one_seed_has_no_deviation_and_nothing_has_no_sides() -> None:
    side = side_figures({"stage1": {0: scores("stage1", 0, 1.0)}})[0]
    assert {metric.sd for metric in side.arms[0].metrics} == {None}
    assert len(side.arms[0].metrics) == len(metrics_of(["NT"]))
    assert side_figures({}) == ()


def test_arms_scored_on_other_images_are_refused() -> None:
    by_arm = table(stage1=1.0, stage2=0.8)
    by_arm["stage2"][1] = replace(by_arm["stage2"][1], images=by_arm["stage2"][1].images[::-1])
    with pytest.raises(InputError, match="stage2 with seed 1"):
        side_figures(by_arm)


def test_arms_that_saw_other_scans_under_the_same_names_are_refused() -> None:
    by_arm = table(stage1=1.0, stage2=0.8)
    first = by_arm["stage2"][1].images[1]
    other = replace(first, regions={"NT": replace(first.regions["NT"], scan_measurable=False)})
    images = (by_arm["stage2"][1].images[0], other, *by_arm["stage2"][1].images[2:])
    by_arm["stage2"][1] = replace(by_arm["stage2"][1], images=images)
    with pytest.raises(InputError, match="stage2 with seed 1"):
        side_figures(by_arm)


def test_seeds_of_one_arm_scored_on_other_images_are_refused() -> None:
    by_arm = {"stage1": {seed: scores("stage1", seed, 1.0) for seed in (0, 1)}}
    by_arm["stage1"][1] = replace(by_arm["stage1"][1], images=by_arm["stage1"][1].images[:-1])
    with pytest.raises(InputError, match="stage1 with seed 1"):
        side_figures(by_arm)


def test_each_structure_has_figures_of_its_own_and_an_image_without_it_takes_no_part() -> None:
    by_arm = table(stage1=1.0, stage2=0.8)
    for by_seed in by_arm.values():
        for seed, each in by_seed.items():
            bones = tuple(
                replace(image, regions={**image.regions, "nasal bone": RegionScore(0.5, 0.1, 10, False, False)})
                if image.side == SOURCE_VALIDATION and index % 8 == 1
                else image
                for index, image in enumerate(each.images)
            )
            by_seed[seed] = replace(each, images=bones)
    validation, unseen = figures_of(by_arm, ["NT", "nasal bone"])
    assert validation.structures == (StructureImages("NT", 30, 1.0), StructureImages("nasal bone", 5, 0.0))
    changes = {(change.metric, change.structure): change for change in validation.comparisons[0].changes}
    assert changes["roi_mae", "NT"].per_seed == pytest.approx([-0.2] * 3)
    bone = changes["roi_mae", "nasal bone"].interval
    assert bone is not None
    assert (bone.estimate, bone.n) == (0, 5)
    # Nobody has outlined a nasal bone at the unseen site: there is nothing to say of it.
    assert unseen.structures[1] == StructureImages("nasal bone", 0, None)
    assert {change.structure for change in unseen.comparisons[0].changes} == {None, "NT"}
