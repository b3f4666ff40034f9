"""A frame's score as a p-value: how often a frame of another held-in patient would score as high, by chance alone.

Hierarchical conformal prediction (Lee, Barber and Willett 2023, arXiv 2306.06342) as a p-value: the weight that their
split variant gives each patient of the calibration set, 1/(G + 1), is shared out evenly among that patient's frames,
and the new frame's own 1/(G + 1) is counted in full, as ties are. One patient with a hundred frames so counts like one
with a single frame. Where the new patient is exchangeable with the held-in ones, and frames of a patient with each
other, P(p ≤ α) ≤ α for every α, whatever the score means.

Here the held-in scores are left-out ones (each frame scored by the calibration of the other patients), while a new
frame is scored by the calibration of all: a jackknife, for which that bound is no theorem but nearly so in practice.
docs/ood.md has what it measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError

Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldInScores:
    """Left-out scores float64 (N,) of held-in validation, ascending, and the patient int64 (N,) of each.

    Patients are numbered 0 … G − 1 in the order in which they first appear in `scores`, so that the numbers say
    nothing but which scores belong together.
    """

    scores: Scores
    patients: NDArray[np.int64]

    def __post_init__(self) -> None:
        scores, patients = self.scores, self.patients
        if scores.dtype != np.float64 or patients.dtype != np.int64 or scores.ndim != 1:
            raise _unusable(f"{scores.dtype} {scores.shape} of {patients.dtype}")
        if len(scores) == 0 or patients.shape != scores.shape:
            raise _unusable(f"{scores.shape} of {patients.shape} patients")
        if not np.all(np.isfinite(scores)) or np.any(scores < 0) or np.any(np.diff(scores) < 0):
            raise _unusable("scores that are not finite, below 0 or not ascending")
        if not np.array_equal(patients, _numbered(patients)):
            raise _unusable("patients that are not numbered as they appear")

    @cached_property
    def patient_count(self) -> int:
        """How many patients there are."""
        return int(self.patients.max()) + 1

    @cached_property
    def _above(self) -> Scores:
        """Patients (N + 1,) at or above each place of `scores`, each frame counting as its share of its patient."""
        share = 1 / np.bincount(self.patients)[self.patients]
        return np.append(np.cumsum(share[::-1])[::-1], 0.0)

    def p_value(self, score: float) -> float:
        """The p-value within [1 / (G + 1), 1] of a frame's score: small for one that is unusual."""
        above = self._above[int(np.searchsorted(self.scores, score, "left"))]
        # A sum of shares may pass the number of patients by a rounding.
        return min(1.0, float((1 + above) / (self.patient_count + 1)))


def held_in_scores(scores: Scores, patients: Sequence[str]) -> HeldInScores:
    """Scores (N,) in any order with the name of each one's patient, without the names."""
    order = np.argsort(scores, kind="stable")
    return HeldInScores(scores[order], _numbered(np.asarray(patients, dtype=np.str_)[order]))


def _numbered(names: NDArray[np.int64] | NDArray[np.str_]) -> NDArray[np.int64]:
    """Each of `names` (N,) as a number: 0 for the first to appear, 1 for the next new one, and so on."""
    _, first, index = np.unique(names, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int64)[index]


def _unusable(got: str) -> InputError:
    return InputError(
        expected="held-in OOD scores, ascending, with the number of the patient of each",
        got=got,
        fix="export the run again",
    )
