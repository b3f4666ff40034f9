"""The search for float layers, on cost models whose best answer is known."""

from itertools import combinations
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.export.int8_search import Int8Search
from edge_nt.export.recipe import Int8Recipe, read_export_recipe
from edge_nt.export.search_result import Trial, trial_of, trial_without
from edge_nt.export.sensitivity import search_float_layers
from edge_nt.verify.comparison import Comparison
from edge_nt.verify.gate_result import Bounds, GateResult

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


def _gate(metric: str, high: float | None, limit: float = 1.0) -> GateResult:
    bounds = None if high is None else Bounds(high, high, high, 90, 0.975, "bootstrap over images")
    state = "not shown" if high is None else "pass" if high <= limit else "FAIL"
    return GateResult(metric, "source validation", "%", None, None, bounds, limit, state, "")


def _trial(name: str, *highs: float | None, limit: float = 1.0) -> Trial:
    gates = tuple(_gate(f"gate {number}", high, limit) for number, high in enumerate(highs))
    return trial_of(name, (), Comparison((), (), gates, None))


def test_candidates_are_told_apart_by_the_gates_that_can_be_measured():
    # No candidate can show the last gate, as where too few bands are resolved.
    rough, fine = _trial("minmax", 3.0, 0.5, None), _trial("mse", 0.2, 0.4, None)
    assert min((rough, fine), key=lambda trial: trial.order) is fine
    assert (fine.limit_used, fine.worst_gate, fine.passed) == (0.4, "gate 1", False)
    nothing, zero = _trial("minmax", None), _trial("minmax", 0.1, limit=0.0)
    assert nothing.limit_used is zero.limit_used is None
    # One that could not be made is worse than one of which nothing is known.
    unmade = trial_without("minmax", (), InputError(expected="a step", got="none of FP16", fix="f"))
    assert min((unmade, zero), key=lambda trial: trial.order) is zero


class _Search(Int8Search):
    """The choices of a search with the verdicts given, None for a candidate that cannot be made."""

    def __init__(self, **shares: float | None) -> None:
        self._calibrated = SimpleNamespace(ranges=shares)

    def _trial(self, recipe: Int8Recipe, title: str) -> Trial:
        share = self._calibrated.ranges[recipe.calibrator]
        if share is None:
            return trial_without(recipe.calibrator, (), InputError(expected="a step", got="none of FP16", fix="f"))
        return _trial(title, share)

    def _context(self) -> None:
        return None


def test_the_calibrator_is_the_one_that_uses_least_of_its_worst_gates_limit():
    recipe = read_export_recipe("int8").int8
    assert _Search(minmax=1.4, mse=0.3, entropy=0.9).calibrators(recipe).chosen == "mse"
    assert _Search(minmax=None, mse=1.3, entropy=0.9).calibrators(recipe).chosen == "entropy"
    with pytest.raises(InputError, match="none of FP16"):
        _Search(minmax=None, mse=None).calibrators(recipe)
