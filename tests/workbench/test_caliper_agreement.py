"""Limits of agreement against a published worked example and by hand."""

import pytest

from edge_nt.caliper.caliper import CaliperReading
from edge_nt.workbench.caliper_agreement import Refusals, agreement, coverage

# Bland and Altman (1986), Lancet 327: 307-310, table: peak expiratory flow by Wright meter and by mini meter, l/min.
WRIGHT = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
MINI = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)


def test_the_worked_example_of_bland_and_altman() -> None:
    result = agreement("mm", zip(WRIGHT, MINI, strict=True))
    assert result is not None
    assert result.n == 17
    # The paper: mean -2.1, standard deviation 38.8, limits with two of them -79.7 and 75.5.
    assert result.bias == pytest.approx(-2.1, abs=0.05)
    assert result.sd == pytest.approx(38.8, abs=0.05)
    assert (result.low, result.high) == pytest.approx((-2.1 - 1.96 * 38.8, -2.1 + 1.96 * 38.8), abs=0.15)


def test_pairs_with_one_side_missing_do_not_count() -> None:
    result = agreement("px", [(1.0, None), (None, 2.0), (3.0, 2.0), (5.0, 3.0)])
    assert result is not None
    assert (result.n, result.bias, result.median, result.mean_absolute) == (2, 1.5, 1.5, 1.5)
    assert agreement("px", [(1.0, None), (3.0, 2.0)]) is None


def test_refusals_are_counted_by_reason() -> None:
    readings = [CaliperReading(1.0, None, (1.0, 1.0), (2.0, 1.0), 0.9, None)]
    readings += [CaliperReading(None, None, None, None, 0.0, reason) for reason in ("short", "faint", "short")]
    result = coverage(readings)
    assert (result.n, result.measurable) == (4, 1)
    assert result.refusals == (Refusals("short", 2), Refusals("faint", 1))
