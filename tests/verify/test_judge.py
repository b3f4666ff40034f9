"""Every gate broken once, on frames made by hand: what is judged is the worse end of an interval, not its middle."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_nt.caliper.caliper import CaliperReading
from edge_nt.metrics.binomial import exact_share
from edge_nt.verify.flip_share import flip_bounds
from edge_nt.verify.frame_comparison import CaliperTriple, FrameComparison, RoiPair
from edge_nt.verify.gate_result import Bounds, Evidence, Loss, judge_loss
from edge_nt.verify.gates import read_gates
from edge_nt.verify.group_figures import group_figures
from edge_nt.verify.judge import judge

GATES = read_gates().gates
COUNT = 100


def reading(thickness_px: float | None, mm_per_px: float | None = None) -> CaliperReading:
    if thickness_px is None:
        return CaliperReading(None, None, None, None, 0.0, "no band")
    mm = None if mm_per_px is None else thickness_px * mm_per_px
    return CaliperReading(thickness_px, mm, (0.0, 0.0), (thickness_px, 0.0), 0.9, None)


def frame(index: int, mm_per_px: float | None = None) -> FrameComparison:
    """A frame on which the candidate equals the reference; figures differ from frame to frame."""
    level = 0.1 + 0.02 * math.sin(index)
    calipers = CaliperTriple(*(reading(10 + math.cos(index), mm_per_px) for _ in range(3)))
    roi = RoiPair(level, level, level / 3, level / 3, 0.2)
    score = 0.8 + 0.1 * math.sin(2 * index)
    return FrameComparison(f"{index}.png", "h", "s", 25.0, 25.0, score, score, 1.0, roi, calipers)


def frames(count: int = COUNT, mm_per_px: float | None = None) -> list[FrameComparison]:
    return [frame(index, mm_per_px) for index in range(count)]


def drifted(each: FrameComparison, drift_px: float | None, mm_per_px: float | None = None) -> FrameComparison:
    assert each.calipers is not None
    before = each.calipers.reference.thickness_px
    after = reading(None if drift_px is None or before is None else before + drift_px, mm_per_px)
    return replace(each, calipers=replace(each.calipers, candidate=after))


def states(changed: list[FrameComparison]) -> dict[str, str]:
    return {gate.metric: gate.state for gate in judge("g", changed, GATES)}


def broken(changed: list[FrameComparison]) -> dict[str, str]:
    return {metric: state for metric, state in states(changed).items() if state != "pass"}


def worse(each: FrameComparison, **factors: float) -> FrameComparison:
    assert each.roi is not None
    scaled = {name: getattr(each.roi, name) * factor for name, factor in factors.items()}
    return replace(each, roi=replace(each.roi, **scaled))


def test_equal_bundles_pass_every_gate() -> None:
    found = judge("g", frames(), GATES)
    assert len(found) == 10
    assert all(gate.passed and gate.margin_used <= 1 for gate in found)
    losses = sorted({gate.bounds.estimate for gate in found if gate.bounds})
    assert losses == pytest.approx([0.0, 0.2])


@pytest.mark.parametrize(
    ("metric", "changed"),
    [
        ("ROI Edge-MAE", [worse(each, candidate_edge_mae=1.02) for each in frames()]),
        ("ROI MAE", [worse(each, candidate_mae=1.02) for each in frames()]),
        ("ROI mean |difference|", [worse(each, difference_grey_levels=8.0) for each in frames()]),
        ("PSNR drop", [replace(each, candidate_psnr_db=24.85) for each in frames()]),
        ("caliper drift, median", [drifted(each, 0.3 * (-1) ** at) for at, each in enumerate(frames())]),
        ("caliper bias", [drifted(each, 0.2) for each in frames()]),
        ("newly not measurable", [drifted(each, None if at % 3 == 0 else 0) for at, each in enumerate(frames())]),
    ],
)
def test_each_gate_fails_alone_on_its_own_loss(metric: str, changed: list[FrameComparison]) -> None:
    assert broken(changed) == {metric: "FAIL"}


def test_a_tail_fails_the_95th_percentile_alone() -> None:
    tail = [drifted(each, (-1) ** (at // 8) * 2.0 if at % 8 == 0 else 0.0) for at, each in enumerate(frames(160))]
    assert broken(tail)["caliper drift, p95"] == "FAIL"
    assert "caliper drift, median" not in broken(tail)


def test_a_score_that_shifts_far_from_the_threshold_is_seen_without_a_flip() -> None:
    far = [replace(each, reference_score=0.3, candidate_score=0.4) for each in frames(1000)]
    assert broken(far) == {"OOD score shift": "FAIL"}
    assert group_figures("g", far).flips == 0


def test_flips_fail() -> None:
    flipping = [replace(each, candidate_score=1.2 if at % 10 == 0 else each.reference_score)
                for at, each in enumerate(frames())]  # fmt: skip
    assert broken(flipping) == {"OOD flips": "FAIL"}
    assert group_figures("g", flipping).flips == 10


def test_a_mean_inside_the_limit_whose_interval_is_outside_has_not_passed() -> None:
    """Non-inferiority: a mean drift of 0.05 px of at most 0.1, from readings that scatter by 0.5 px."""
    scattered = np.random.default_rng(0).normal(0, 0.5, COUNT)
    scattered += 0.05 - scattered.mean()
    found = judge("g", [drifted(each, shift) for each, shift in zip(frames(), scattered, strict=True)], GATES)
    bias = next(gate for gate in found if gate.metric == "caliper bias")
    assert bias.bounds is not None
    assert bias.bounds.estimate == pytest.approx(0.05)
    assert bias.bounds.estimate < bias.limit < bias.bounds.high
    assert (bias.state, bias.passed) == ("not shown", False)
    assert bias.margin_used == pytest.approx(bias.bounds.high / 0.1)
    assert "beyond the limit" in bias.reason


def test_a_bias_counts_in_either_direction_and_its_size_is_bounded_below_by_nothing_when_it_may_be_none() -> None:
    for sign in (-1, 1):
        steady = [drifted(each, sign * 0.2) for each in frames()]
        bias = next(gate for gate in judge("g", steady, GATES) if gate.metric == "caliper bias")
        assert bias.bounds is not None
        assert (bias.bounds.estimate, bias.bounds.low, bias.bounds.high) == pytest.approx((0.2, 0.2, 0.2))
        assert group_figures("g", steady).calipers.drift.bias == pytest.approx(sign * 0.2)
    both = [drifted(each, 0.02 * (-1) ** at) for at, each in enumerate(frames())]
    bias = next(gate for gate in judge("g", both, GATES) if gate.metric == "caliper bias")
    assert bias.bounds is not None
    assert bias.bounds.low == 0


def test_millimetres_where_every_frame_has_them_else_pixels() -> None:
    with_mm = [drifted(each, 0.3 * (-1) ** at, 0.1) for at, each in enumerate(frames(mm_per_px=0.1))]
    median = next(gate for gate in judge("g", with_mm, GATES) if gate.metric == "caliper drift, median")
    assert (median.unit, median.limit, median.passed) == ("mm", 0.05, True)
    assert median.bounds is not None
    assert median.bounds.estimate == pytest.approx(0.03)
    mixed = [*with_mm[1:], drifted(frame(0), 0.3)]
    median = next(gate for gate in judge("g", mixed, GATES) if gate.metric == "caliper drift, median")
    assert (median.unit, median.limit, median.state) == ("px", 0.25, "FAIL")


def test_too_few_frames_are_no_pass_even_when_nothing_moved() -> None:
    assert set(states(frames(19)).values()) == {"not shown"}
    assert set(states(frames(20)).values()) == {"pass"}
    reason = judge("g", frames(19), GATES)[0].reason
    assert reason == "19 frames with a box; a verdict takes 20"


def test_a_reference_in_which_nothing_is_measurable_shows_nothing() -> None:
    blind = [replace(each, calipers=CaliperTriple(reading(9), reading(None), reading(9))) for each in frames()]
    found = broken(blind)
    assert set(found) == {"caliper drift, median", "caliper drift, p95", "caliper bias", "newly not measurable"}
    assert set(found.values()) == {"not shown"}
    calipers = group_figures("g", blind).calipers
    assert (calipers.scan_measurable, calipers.reference_measurable, calipers.newly_measurable) == (100, 0, 100)


def test_a_group_without_boxes_shows_none_of_the_region_s_gates() -> None:
    found = broken([replace(each, roi=None, calipers=None) for each in frames()])
    assert set(found.values()) == {"not shown"}
    assert len(found) == 7


def test_a_reference_that_loses_nothing_has_no_ratio() -> None:
    perfect = [replace(each, roi=RoiPair(0.0, 0.01, 0.0, 0.01, 0.2)) for each in frames()]
    assert broken(perfect) == {"ROI Edge-MAE": "not shown", "ROI MAE": "not shown"}


@pytest.mark.parametrize(("loss", "used"), [(-1.0, 0), (0.0, 0), (0.1, math.inf)])
def test_a_limit_of_0_is_used_up_by_any_loss_and_by_no_gain(loss: float, used: float) -> None:
    found = judge_loss(
        Loss("m", "u", Bounds(loss, loss, loss, 100, 0.975, "order statistics")), "g", 0.0, Evidence(1, "frames")
    )
    assert (found.passed, found.margin_used) == (loss <= 0, used)


def test_no_number_never_passes() -> None:
    nothing = Bounds(math.nan, math.nan, math.nan, 100, 0.975, "bootstrap over images")
    assert judge_loss(Loss("m", "u", nothing), "g", 1.0, Evidence(1, "frames")).state == "not shown"


def test_the_frame_that_is_the_threshold_flips_by_rounding_and_is_left_out() -> None:
    """A threshold is one of the validation scores: that frame lies on it, whichever way it is rounded."""
    on_it = [replace(each, reference_score=1 + 1e-7, candidate_score=1 - 1e-7) if at == 0 else each
             for at, each in enumerate(frames())]  # fmt: skip
    assert group_figures("g", on_it).flips == 0
    assert broken(on_it) == {}


def test_a_group_of_nothing_but_the_threshold_s_frame_shows_no_flips_and_is_no_error() -> None:
    """What a dataset with one validation image gives: the threshold is that image's score."""
    found = judge("g", [replace(frame(0), reference_score=1.0, candidate_score=1.0)], GATES)
    assert not any(gate.passed for gate in found)
    assert next(gate.bounds for gate in found if gate.metric == "OOD flips") is None


@pytest.mark.parametrize("scale", [0.002, 0.02])
def test_density_and_shift_bound_a_share_of_flips_that_a_count_cannot(scale: float) -> None:
    """At a density of 0.5 a threshold, shifts of 0.002 flip 0.08 % of frames. Counting 100 bounds that by 3.6 %."""
    generator = np.random.default_rng(3)
    scores, shifts = generator.uniform(0, 2, 20_000), generator.normal(0, scale, 20_000)
    truth = 100 * 0.5 * scale * math.sqrt(2 / math.pi)
    held = [
        flip_bounds(one, one + shift, seed=0)
        for one, shift in zip(scores.reshape(200, 100), shifts.reshape(200, 100), strict=True)
    ]
    assert np.mean([bounds.estimate for bounds in held]) == pytest.approx(truth, rel=0.15)
    assert np.mean([bounds.high >= truth for bounds in held]) >= 0.975
    assert np.median([bounds.high for bounds in held]) < 3 * truth
    assert exact_share(0, 100).high == pytest.approx(0.036, abs=1e-3)


def test_a_count_that_contradicts_the_density_is_believed() -> None:
    """Only the frames at the threshold move, each across it: the mean shift would call that rare."""
    scores = np.where(np.arange(100) < 10, 0.999, 0.2)
    moved = np.where(np.arange(100) < 10, 1.001, 0.2)
    bounds = flip_bounds(scores, moved, seed=0)
    share = exact_share(10, 100)
    assert bounds.method == "exact binomial"
    assert (bounds.low, bounds.estimate, bounds.high) == pytest.approx((100 * share.low, 10, 100 * share.high))
    assert bounds.low == pytest.approx(4.9, abs=0.01)


def test_a_few_flips_against_the_density_are_no_pass_either() -> None:
    """4 of 143 frames flip by next to nothing: 2.8 %, at least 0.77 %, is not shown to be within 1 %."""
    changed = [
        replace(each, reference_score=0.999 if at < 4 else 0.5, candidate_score=1.001 if at < 4 else 0.5)
        for at, each in enumerate(frames(143))
    ]
    assert broken(changed) == {"OOD flips": "not shown"}


@settings(max_examples=30)
@given(st.lists(st.floats(0, 3), min_size=20, max_size=40), st.integers(0, 99))
def test_equal_scores_never_flip(scores: list[float], seed: int) -> None:
    values = np.array(scores)
    bounds = flip_bounds(values, values, seed=seed)
    assert (bounds.estimate, bounds.low, bounds.high) == (0, 0, 0)
