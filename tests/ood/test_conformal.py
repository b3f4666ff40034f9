from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.ood.conformal import HeldInScores, held_in_scores

# Few values, so that ties are common.
GROUPS = st.lists(st.lists(st.integers(0, 12).map(lambda n: n / 4), min_size=1, max_size=5), min_size=1, max_size=8)


def _held_in(groups: list[list[float]], names: list[str]) -> HeldInScores:
    scores = np.array([score for group in groups for score in group], np.float64)
    return held_in_scores(scores, [name for name, group in zip(names, groups, strict=True) for _ in group])


@given(GROUPS, st.integers(-1, 14).map(lambda n: n / 4))
def test_equals_the_definition(groups: list[list[float]], score: float) -> None:
    shares = [np.mean([other >= score for other in group]) for group in groups]
    held_in = _held_in(groups, [f"p{i}" for i in range(len(groups))])
    assert held_in.p_value(score) == pytest.approx((1 + sum(shares)) / (len(groups) + 1))
    assert held_in.p_value(score) <= 1
    assert held_in.patient_count == len(groups)


@given(GROUPS, st.randoms(use_true_random=False))
def test_neither_order_nor_names_of_patients_are_kept(groups: list[list[float]], random: object) -> None:
    names = [f"name {i}" for i in range(len(groups))]
    others = [f"{i} other" for i in range(len(groups))]
    random.shuffle(others)  # type: ignore[attr-defined]
    one, two = _held_in(groups, names), _held_in(groups, others)
    np.testing.assert_array_equal(one.scores, two.scores)
    np.testing.assert_array_equal(one.patients, two.patients)
    appeared = [number for number, _ in groupby(sorted(one.patients.tolist()))]
    assert appeared == list(range(len(groups)))


def test_is_super_uniform_where_patients_differ_more_than_their_frames() -> None:
    """A new patient's frame among groups of very unlike sizes; counting frames instead of patients breaks this."""
    generator, sizes = np.random.default_rng(0), [60, 30, *[1] * 18]
    found, by_frame = [], []
    for _ in range(4000):
        order = generator.permutation(len(sizes))
        groups = [abs(generator.normal() + 0.1 * generator.normal(size=sizes[k])) for k in order]
        new = float(groups[0][0])
        held_in = _held_in([group.tolist() for group in groups[1:]], [str(k) for k in range(len(sizes) - 1)])
        found.append(held_in.p_value(new))
        by_frame.append((1 + np.sum(held_in.scores >= new)) / (1 + len(held_in.scores)))
    p_values = np.array(found)
    for alpha in (0.05, 0.1, 0.2, 0.5, 0.9):
        error = np.sqrt(alpha * (1 - alpha) / len(p_values))
        assert np.mean(p_values <= alpha) <= alpha + 3.5 * error
        assert np.mean(p_values <= alpha) >= alpha - 3.5 * error - 1 / len(sizes)
    assert np.mean(np.array(by_frame) <= 0.05) > 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / len(p_values))


@pytest.mark.parametrize(
    ("scores", "patients"),
    [
        (np.zeros(0), np.zeros(0, np.int64)),
        (np.zeros(2), np.zeros(1, np.int64)),
        (np.array([1.0, 0.5]), np.array([0, 1])),
        (np.array([0.5, np.inf]), np.array([0, 1])),
        (np.array([-0.5, 1.0]), np.array([0, 1])),
        (np.array([0.5, 1.0]), np.array([1, 0])),
        (np.array([0.5, 1.0]), np.array([0, 2])),
        (np.array([0.5, 1.0]), np.array([0.0, 1.0])),
        (np.array([[0.5, 1.0]]), np.array([[0, 1]])),
    ],
)
def test_refuses_what_no_validation_gives(scores: np.ndarray, patients: np.ndarray) -> None:
    with pytest.raises(InputError, match="held-in OOD scores"):
        HeldInScores(scores, patients)
