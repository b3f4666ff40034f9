"""What moved between two reports whose difference is known."""

from dataclasses import replace

import numpy as np
import pytest

from edge_nt.bench.bench_report import BenchReport, VariantResult
from edge_nt.bench.compare import compare_reports, read_rounds_ms
from edge_nt.bench.conditions import Conditions, joined
from edge_nt.bench.device_conditions import DeviceConditions
from edge_nt.bench.latency_stats import PARTS, latency_stats
from edge_nt.bench.variant import VariantIdentity
from edge_nt.errors import InputError
from edge_nt.machine import describe_machine

MACHINE = describe_machine()
ROUNDS = 100


def drawn(median_ms: float, seed: int, spread: float = 0.05) -> np.ndarray:
    return median_ms * np.exp(spread * np.random.default_rng(seed).standard_normal(ROUNDS))


def variant(name: str, encode_ms: np.ndarray) -> VariantResult:
    rounds = {part: joined([1_000_000] * len(encode_ms)) for part in PARTS}
    rounds["encode"] = joined([round(value * 1e6) for value in encode_ms])
    identity = VariantIdentity(name, "bundle", "fp32", "any", "onnxruntime", None, "a" * 64)
    return VariantResult(identity, None, None, {}, rounds)


def report(times: dict[str, np.ndarray], control_ms: float = 0.7) -> BenchReport:
    control = [round(control_ms * 1e6)] * ROUNDS
    conditions = Conditions(
        "8 files", ("480x640",), ROUNDS, 5, 75.0, 0.1, 0.2, 0.0, latency_stats([control_ms]), joined(control), ()
    )
    variants = tuple(variant(name, encode_ms) for name, encode_ms in times.items())
    return BenchReport(MACHINE, conditions, variants, next(iter(times)), ())


def verdicts(old: BenchReport, new: BenchReport) -> dict[tuple[str, str], bool]:
    return {(each.variant, each.stage): each.moved for each in compare_reports(old, new).changes}


def test_a_change_is_told_from_noise() -> None:
    old = report({"a": drawn(10, 1), "b": drawn(10, 2)})
    new = report({"a": drawn(10, 3), "b": drawn(13, 4)})
    compared = compare_reports(old, new)
    assert compared.basis == "milliseconds"
    moved = {(each.variant, each.stage) for each in compared.changes if each.moved}
    assert moved == {("b", "encode"), ("b", "encode+decode"), ("b", "total")}
    slower = compared.regressions(10)
    assert {each.stage for each in slower} == {"encode+decode", "total"}
    assert compared.regressions(40) == ()
    encode = next(each for each in compared.changes if (each.variant, each.stage) == ("b", "encode"))
    assert encode.change.low < 0.3 < encode.change.high
    assert encode.before == pytest.approx(10, rel=0.02)


def test_equal_machines_rarely_move() -> None:
    moved = [any(verdicts(report({"a": drawn(10, s)}), report({"a": drawn(10, s + 1000)})).values()) for s in range(40)]
    assert sum(moved) <= 2


def wandering(seed: int) -> np.ndarray:
    """Times whose neighbours are alike, as those of a clock that heats up and cools down."""
    steps = np.random.default_rng(seed).standard_normal(ROUNDS)
    drift = np.zeros(ROUNDS)
    for index in range(1, ROUNDS):
        drift[index] = 0.8 * drift[index - 1] + steps[index]
    return 10 * np.exp(0.03 * drift)


def test_a_machine_that_wanders_is_not_taken_for_a_change() -> None:
    encodes = []
    for seed in range(60):
        compared = compare_reports(report({"a": wandering(seed)}), report({"a": wandering(seed + 500)}))
        encodes.append(next(each for each in compared.changes if each.stage == "encode"))
    # A bootstrap alone would call a third of them changes.
    assert sum(each.change.low > 0 or each.change.high < 0 for each in encodes) >= 15
    assert sum(each.moved for each in encodes) <= 8


def test_a_variant_that_no_longer_runs_is_named() -> None:
    old = report({"a": drawn(10, 1), "b": drawn(10, 2)})
    new = report({"a": drawn(10, 3), "b": drawn(10, 4)})
    failed = replace(new.variants[1], failed="no such engine", stages={}, rounds_ns={})
    compared = compare_reports(old, replace(new, variants=(new.variants[0], failed)))
    assert compared.stopped == ("b",)
    assert compare_reports(old, new).stopped == ()


def test_faster_is_no_regression() -> None:
    compared = compare_reports(report({"a": drawn(10, 1)}), report({"a": drawn(5, 2)}))
    assert any(each.moved for each in compared.changes)
    assert compared.regressions(0) == ()


@pytest.mark.parametrize("other", [{"control_ms": 0.9}, {"machine": replace(MACHINE, cpu="another one")}])
def test_where_machines_differ_ratios_are_compared(other: dict) -> None:
    old = report({"base": drawn(10, 1), "a": drawn(5, 2), "b": drawn(5, 3)})
    # Twice as slow in everything, and `b` slower on top of it.
    new = report({"base": drawn(20, 4), "a": drawn(10, 5), "b": drawn(13, 6)}, other.get("control_ms", 0.7))
    new = replace(new, machine=other.get("machine", MACHINE))
    compared = compare_reports(old, new)
    assert compared.basis == "ratios to the baseline"
    moved = {each.variant for each in compared.changes if each.moved and each.stage == "encode"}
    assert moved == {"b"}
    assert {each.variant for each in compared.changes} == {"a", "b"}


def test_a_busy_machine_is_compared_in_ratios_or_says_so() -> None:
    old, alone = report({"base": drawn(10, 1), "a": drawn(5, 2)}), report({"a": drawn(5, 2)})
    busy, busy_alone = (
        replace(each, conditions=replace(each.conditions, warnings=("busy",)))
        for each in (report({"base": drawn(20, 3), "a": drawn(10, 4)}), report({"a": drawn(10, 4)}))
    )
    compared = compare_reports(old, busy)
    assert compared.basis == "ratios to the baseline"
    assert [each.moved for each in compared.changes if each.stage == "encode"] == [False]
    single = compare_reports(alone, busy_alone)
    assert (single.basis, "carries a warning" in single.why) == ("milliseconds", True)
    assert all(each.moved for each in single.changes if each.stage == "encode")


def test_two_power_modes_are_compared_in_ratios() -> None:
    silent = DeviceConditions("15W", "MAXN_SUPER", None, (), (), {}, {}, (), {})
    old, new = (
        replace(each, conditions=replace(each.conditions, device=replace(silent, power_mode=mode)))
        for each, mode in (
            (report({"base": drawn(10, 1), "a": drawn(5, 2)}), "15W"),
            (report({"base": drawn(5, 3), "a": drawn(2.5, 4)}), "MAXN_SUPER"),
        )
    )
    assert compare_reports(old, new).why == "other power modes (15W and MAXN_SUPER)"
    assert compare_reports(old, old).basis == "milliseconds"


def test_too_few_rounds_tell_nothing() -> None:
    compared = compare_reports(report({"a": drawn(10, 1)[:7]}), report({"a": drawn(30, 2)[:7]}))
    assert not any(each.moved for each in compared.changes)


def test_one_variant_on_another_machine_is_refused() -> None:
    old = report({"a": drawn(10, 1)})
    with pytest.raises(InputError, match="one baseline"):
        compare_reports(old, replace(old, machine=replace(MACHINE, cores=99)))


def test_ratios_need_one_baseline() -> None:
    old = report({"base": drawn(10, 1), "a": drawn(5, 2)})
    new = report({"a": drawn(5, 2), "base": drawn(10, 1)}, control_ms=1.0)
    with pytest.raises(InputError, match="one baseline"):
        compare_reports(old, new)


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"frames": "9 files"}, "same frames"), ({"settle_ms": 0.0}, "settle_ms"), ({"frame_sizes_px": ()}, "sizes")],
)
def test_other_conditions_are_refused(changed: dict, named: str) -> None:
    old = report({"a": drawn(10, 1)})
    with pytest.raises(InputError, match=named):
        compare_reports(old, replace(old, conditions=replace(old.conditions, **changed)))


def test_reports_without_a_shared_variant_are_refused() -> None:
    with pytest.raises(InputError, match="ran in both"):
        compare_reports(report({"a": drawn(10, 1)}), report({"b": drawn(10, 1)}))


def test_what_else_differs_is_said() -> None:
    old = report({"a": drawn(10, 1), "gone": drawn(1, 1)})
    new = replace(report({"a": drawn(10, 1), "new": drawn(1, 1)}), machine=replace(MACHINE, onnxruntime="9.9"))
    other = replace(new.variants[0], identity=replace(new.variants[0].identity, encoder_sha256="b" * 64))
    new = replace(new, variants=(other, *new.variants[1:]))
    notes = "; ".join(compare_reports(old, new).notes)
    for words in (
        "only in the old report: gone",
        "only in the new report: new",
        "→ 9.9",
        "a has another encoder_sha256",
    ):
        assert words in notes


@pytest.mark.parametrize("rounds", ["", " ", "1  2", "-5", "1.5", "0", "x", "１", "9" * 5000])
def test_rounds_that_are_none_are_refused(rounds: str) -> None:
    with pytest.raises(InputError, match="whole nanoseconds"):
        read_rounds_ms(rounds, "a")
