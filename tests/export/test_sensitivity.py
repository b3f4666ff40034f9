"""The search for float layers, on cost models whose best answer is known."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.export.search_result import Trial
from edge_nt.export.sensitivity import search_float_layers

LAYERS = tuple("abcdef")


class CostModel:
    """Gates whose worst end is the sum of what each quantised layer costs; remembers what it was asked."""

    def __init__(self, costs: dict[str, float]) -> None:
        self.costs, self.asked = costs, []

    def __call__(self, float_layers: tuple[str, ...], _title: str) -> Trial:
        self.asked.append(float_layers)
        used = sum(cost for layer, cost in self.costs.items() if layer not in float_layers)
        return Trial("minmax", float_layers, used <= 1, used, "ROI MAE", ())


def test_nothing_is_taken_out_of_int8_when_it_passes_as_it_is():
    model = CostModel(dict.fromkeys(LAYERS, 0.1))
    found = search_float_layers(LAYERS, model)
    assert found.found.float_layers == ()
    assert model.asked == [()]


def test_the_worst_layers_go_first():
    found = search_float_layers(LAYERS, CostModel({"a": 0.1, "b": 5, "c": 0.2, "d": 3, "e": 0.1, "f": 0.1}))
    assert [each.layer for each in found.layers][:2] == ["b", "d"]
    assert found.layers[0].limit_given_back == pytest.approx(5)
    assert set(found.found.float_layers) == {"b", "d"}
    assert found.found.passed


@given(st.lists(st.floats(0, 2), min_size=6, max_size=6))
def test_where_costs_add_up_no_smaller_choice_passes(costs):
    model = CostModel(dict(zip(LAYERS, costs, strict=True)))
    found = search_float_layers(LAYERS, model)
    passing = [
        names
        for count in range(len(LAYERS))
        for names in combinations(LAYERS, count)
        if CostModel(model.costs)(names, "").passed
    ]
    assert found.found.passed == bool(passing)
    if passing:
        assert len(found.found.float_layers) == min(map(len, passing))


def test_a_layer_that_turns_out_unneeded_is_quantised_again():
    def judge(float_layers: tuple[str, ...], _title: str) -> Trial:
        # Alone `a` gives back most; together `b` and `c` do all that is needed.
        used = 3.0 - 1.5 * ("a" in float_layers) - 1.2 * ("b" in float_layers) - 1.1 * ("c" in float_layers)
        used = 0.9 if {"b", "c"} <= set(float_layers) else max(used, 1.1)
        return Trial("minmax", float_layers, used <= 1, used, "ROI MAE", ())

    found = search_float_layers(LAYERS, judge)
    assert set(found.added[-1].float_layers) == {"a", "b", "c"}
    assert set(found.found.float_layers) == {"b", "c"}


def test_when_nothing_passes_the_best_is_told_and_something_stays_int8():
    found = search_float_layers(LAYERS, CostModel(dict.fromkeys(LAYERS, 2.0)))
    assert not found.found.passed
    assert len(found.found.float_layers) == len(LAYERS) - 1
    assert found.given_back == ()


def test_gates_that_cannot_be_measured_never_pass_and_break_nothing():
    found = search_float_layers(LAYERS, lambda names, _title: Trial("minmax", names, False, None, "caliper bias", ()))
    assert not found.found.passed
    assert {each.limit_given_back for each in found.layers} == {None}
