"""A bet against "nothing has changed": a conformal test martingale, and the ranks that it bets on.

`OnlineRanks` turns values one by one into smoothed conformal p-values: the rank of each among all that came before it.
As long as the values are exchangeable (in any order as likely), these are independent and uniform on [0, 1], however
few came before (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2nd ed. 2022, ch. 8). Ranks among
a *fixed* set are not: its accidents would count as change in the end, in a stream that is long enough.
Values count by the cell of a fixed grid and ties are broken at random: memory does not grow, and that still holds.

`Jumper` bets on small p-values: the Simple Jumper of Vovk, Petej, Nouretdinov, Ahlberg, Carlsson and Gammerman 2021
("Retrain or not retrain: conformal test martingales for change-point detection", arXiv 2102.10439, algorithm 1) with
these changes: the bets are `_BETS` alone, since values that become more usual are no alarm; and the share that jumps
between them falls as 1/n, so that long quiet costs a power of n and not e^n. Its wealth starts at 1 and is a martingale
while nothing has changed. By Ville's inequality the chance that it *ever* reaches 1/α is then at most α.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

# Fine beside the scatter of scores, and far above the score of a black frame; what lies beyond shares the last cell.
CELL = 0.02
CELLS = 1024
_BETS = np.array([0.0, -1.0, -2.0])


class OnlineRanks:
    """Counts of the values so far, int64 (CELLS,), by the cell that each lies in."""

    def __init__(self, counts: NDArray[np.int64] | None = None) -> None:
        self.counts = np.zeros(CELLS, np.int64) if counts is None else counts

    def add(self, value: float) -> None:
        """Take a value ≥ 0 without a p-value: one of those to compare with."""
        self.counts[cell_of(value)] += 1

    def p_value(self, value: float, chance: float) -> float:
        """The smoothed p-value in [0, 1] of a value ≥ 0, small for a large one; `chance` in [0, 1) breaks ties."""
        cell = cell_of(value)
        above, ties = int(self.counts[cell + 1 :].sum()), int(self.counts[cell]) + 1
        total = int(self.counts.sum()) + 1
        self.counts[cell] += 1
        return (above + chance * ties) / total


class Jumper:
    """The wealth of a bet on small p-values, as a natural logarithm, and how it is shared out over the bets.

    `shares` float64 (3,) add up to 1; `steps` is the number of p-values so far.
    """

    def __init__(self, log_wealth: float = 0.0, shares: NDArray[np.float64] | None = None, steps: int = 0) -> None:
        self.log_wealth = log_wealth
        self.shares = np.full(len(_BETS), 1 / len(_BETS)) if shares is None else shares
        self.steps = steps

    def update(self, p_value: float) -> float:
        """The logarithm of the wealth after one more p-value."""
        self.steps += 1
        jump = 1 / (self.steps + 1)
        mixed = (1 - jump) * self.shares + jump / len(_BETS)
        earned = mixed * (1 + _BETS * (p_value - 0.5))
        gained = float(earned.sum())
        self.log_wealth += math.log(gained)
        self.shares = earned / gained
        return self.log_wealth


def cell_of(value: float) -> int:
    """The cell of a value ≥ 0."""
    return min(int(value / CELL), CELLS - 1)


def chance(seed: int, *numbers: int) -> float:
    """A number in [0, 1) that looks random and is always the same for the same seed and numbers."""
    text = ",".join(map(str, (seed, *numbers)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
