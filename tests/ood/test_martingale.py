from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from edge_nt.ood.martingale import CELL, Jumper, OnlineRanks, cell_of, chance


def test_ranks_are_those_of_the_definition_and_ties_are_shared() -> None:
    ranks = OnlineRanks()
    values = np.random.default_rng(0).integers(0, 6, 60) * 10 * CELL + CELL / 2
    for n, value in enumerate(values.tolist()):
        above, ties = np.sum(values[:n] > value), np.sum(values[:n] == value) + 1
        assert ranks.p_value(value, 0.25) == pytest.approx((above + 0.25 * ties) / (n + 1))


def test_exchangeable_values_give_uniform_independent_p_values_however_they_tie() -> None:
    """Also where the reference is small and values are coarse, which a fixed reference would not forgive."""
    found = []
    for seed in range(300):
        generator, ranks = np.random.default_rng(seed), OnlineRanks()
        values = np.round(generator.gamma(4, 0.2, 60), 1)
        for value in values[:20]:
            ranks.add(float(value))
        found.append([ranks.p_value(float(value), chance(seed, k)) for k, value in enumerate(values[20:])])
    p_values = np.array(found)
    assert kstest(p_values.ravel(), "uniform").pvalue > 0.001
    neighbours = np.corrcoef(p_values[:, :-1].ravel(), p_values[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 4 / math.sqrt(p_values[:, 1:].size)


def test_a_step_is_fair_whatever_came_before() -> None:
    for past in ([], [0.01] * 5, [0.9] * 40):

        def wealth(p_value: float, past: list[float] = past) -> float:
            bet = Jumper()
            for each in past:
                bet.update(each)
            before = bet.log_wealth
            return math.exp(bet.update(p_value) - before)

        assert quad(wealth, 0, 1)[0] == pytest.approx(1, abs=1e-9)


def test_wealth_stays_finite_and_recovers_after_months_of_quiet() -> None:
    bet, generator = Jumper(), np.random.default_rng(1)
    for p_value in generator.random(20_000):
        bet.update(float(p_value))
    low = bet.log_wealth
    assert -20 < low < math.log(100)
    steps = next(k for k in range(200) if bet.update(0.02) > math.log(100))
    assert steps < 50
    assert bet.shares.sum() == pytest.approx(1)


def test_scores_beyond_the_grid_share_its_last_cell() -> None:
    assert cell_of(0.0) == 0
    assert cell_of(1e9) == cell_of(1e300)


def test_chance_is_the_same_for_the_same_numbers_and_uniform_over_others() -> None:
    drawn = [chance(3, 1, k) for k in range(2000)]
    assert drawn == [chance(3, 1, k) for k in range(2000)]
    assert kstest(drawn, "uniform").pvalue > 0.001
    assert chance(3, 11) != chance(3, 1, 1)
