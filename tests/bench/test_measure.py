"""A whole measurement over variants whose differences are known beforehand."""

import json
from pathlib import Path

import block_bundle
import pytest
from quick_bench import measured
from slow_variant import broken, slow

from edge_nt.bench.bench_report import BenchReport
from edge_nt.bench.compare import read_rounds_ms
from edge_nt.bench.latency_stats import PARTS, STAGES
from edge_nt.bench.measure import BenchPlan
from edge_nt.bench.variant import Variant, bundle_variants
from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.results import read_result, write_result


def test_ratios_find_a_difference_that_was_put_in(bundle_folder: Path) -> None:
    report = measured([slow("10 ms", bundle_folder, 10), slow("30 ms", bundle_folder, 30)], bundle_folder)
    found = {each.stage: each.ratio for each in report.ratios}
    assert report.baseline == "10 ms"
    assert 2 < found["encode+decode"].estimate < 3.1
    assert found["encode+decode"].low > 1.5
    assert 1.5 < found["total"].estimate < found["encode+decode"].estimate
    for each in report.variants:
        assert tuple(each.stages) == STAGES
        assert all(stats.n == 9 for stats in each.stages.values())
        assert each.cold_start.load_ms > 0
        assert each.cold_start.first_frame_ms > 10


def test_the_rounds_in_the_report_give_its_figures_again(bundle_folder: Path, tmp_path: Path) -> None:
    report = measured([slow("a", bundle_folder, 1)], bundle_folder)
    write_result(tmp_path / "bench.json", report)
    again = read_result(tmp_path / "bench.json", BenchReport)
    assert again == report
    variant = again.variants[0]
    for part in PARTS:
        rounds_ms = read_rounds_ms(variant.rounds_ns[part], part)
        assert rounds_ms.size == 9
        assert sorted(rounds_ms)[4] == pytest.approx(variant.stages[part].p50_ms, abs=1e-5)
    assert again.conditions.control.n == 9


def test_rounds_to_warm_up_do_not_count(bundle_folder: Path) -> None:
    # The cold start and both rounds to warm up take long, the rest does not.
    variant = slow("a", bundle_folder, slow_calls=3, slow_ms=200)
    report = measured([variant], bundle_folder, BenchPlan(rounds=4, warmup=2, settle_ms=0))
    assert report.variants[0].cold_start.first_frame_ms > 200
    assert report.variants[0].stages["encode"].max_ms < 150


def test_variants_take_turns_with_another_one_first_each_round(bundle_folder: Path) -> None:
    order: list[str] = []

    def watched(name: str) -> Variant:
        variant = slow(name, bundle_folder)

        def load_and_watch():
            reconstructor = variant.load()
            encode = reconstructor.session.encode
            reconstructor.session.encode = lambda images: (order.append(name), encode(images))[1]
            return reconstructor

        return Variant(variant.identity, load_and_watch)

    measured([watched("a"), watched("b"), watched("c")], bundle_folder, BenchPlan(rounds=3, warmup=1, settle_ms=0))
    assert "".join(order) == "abc" + "abc" + "bca" + "cab" + "abc"


def test_a_failed_variant_is_recorded_and_the_others_go_on(bundle_folder: Path) -> None:
    missing = MissingDependencyError(expected="an engine", got="none", fix="install it")
    variants = [slow("a", bundle_folder), broken("missing", missing), slow("breaks", bundle_folder, breaks_at=5)]
    report = measured(variants, bundle_folder, BenchPlan(rounds=9, warmup=1, settle_ms=0, saturated=True))
    first, second, third = report.variants
    assert first.failed is None
    assert first.stages["total"].n == 9
    assert second.failed == "MissingDependencyError: Expected an engine. Got none. Fix: install it."
    assert third.failed == "RuntimeError: the engine lost its device"
    assert not second.stages
    assert not third.stages
    assert third.cold_start is not None
    assert [each.variant for each in report.saturated] == ["a"]
    assert report.ratios == ()


def test_a_failure_after_the_rounds_keeps_their_figures(bundle_folder: Path) -> None:
    variants = [slow("late", bundle_folder, breaks_at=12)]
    report = measured(variants, bundle_folder, BenchPlan(rounds=9, warmup=1, settle_ms=0, saturated=True))
    assert report.variants[0].failed == "RuntimeError: the engine lost its device"
    assert report.variants[0].stages["total"].n == 9
    assert report.saturated == ()


def test_ratios_are_to_the_first_peer_unless_another_baseline_is_named(bundle_folder: Path) -> None:
    variants = [*bundle_variants([bundle_folder], ["onnxruntime"], 1), slow("peer", bundle_folder)]
    assert measured(variants, bundle_folder).baseline == "peer"
    named = BenchPlan(rounds=2, warmup=1, settle_ms=0, baseline="fp32-bundle · onnxruntime")
    assert {each.variant for each in measured(variants, bundle_folder, named).ratios} == {"peer"}
    assert measured(variants[:1], bundle_folder).baseline == "fp32-bundle · onnxruntime"


def test_a_failed_baseline_leaves_no_ratios(bundle_folder: Path) -> None:
    report = measured([broken("gone", OSError("no")), slow("a", bundle_folder)], bundle_folder)
    assert report.baseline == "gone"
    assert report.ratios == ()


def test_threads_are_swept_with_failures_named(bundle_folder: Path) -> None:
    sweep = {count: (slow("a", bundle_folder, 10 / count), broken("b", OSError("no"))) for count in (1, 2)}
    report = measured(
        [slow("a", bundle_folder)], bundle_folder, BenchPlan(rounds=2, warmup=1, settle_ms=0, sweep=sweep)
    )
    assert [(each.variant, each.threads, each.failed) for each in report.threads] == [
        ("a", 1, None),
        ("a", 2, None),
        ("b", 1, "OSError: no"),
        ("b", 2, "OSError: no"),
    ]
    assert report.threads[0].total.n == 2
    assert report.threads[0].encode_decode.p50_ms > 10 > report.threads[1].encode_decode.p50_ms > 5


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"warmup": 0}, {"settle_ms": -1.0}, {"settle_ms": float("nan")}])
def test_nothing_to_measure_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="of at least"):
        BenchPlan(**wrong)


def test_names_must_tell_variants_apart(bundle_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a name of its own"):
        measured([slow("a", bundle_folder)] * 2, bundle_folder)
    with pytest.raises(InputError, match="different names"):
        bundle_variants([bundle_folder, block_bundle.write(tmp_path / "deep" / "fp32-bundle")], ["onnxruntime"])
    with pytest.raises(InputError, match="a baseline among a"):
        measured([slow("a", bundle_folder)], bundle_folder, BenchPlan(baseline="b"))


@pytest.mark.parametrize("backend", ["auto", "tensorflow"])
def test_a_backend_is_measured_by_its_own_name(bundle_folder: Path, backend: str) -> None:
    with pytest.raises(InputError, match="a backend among"):
        bundle_variants([bundle_folder], [backend])


def test_memory_is_that_of_a_fresh_process(bundle_folder: Path) -> None:
    plan = BenchPlan(rounds=2, warmup=1, settle_ms=0, memory=True)
    variants = [*bundle_variants([bundle_folder], ["onnxruntime"], 1), slow("peer", bundle_folder)]
    own, peer = measured(variants, bundle_folder, plan).memory
    assert 10 < own.imports_mb < own.loaded_mb <= own.frames_mb < 1000
    assert own.not_measured is None
    assert peer.frames_mb is None
    assert "a peer" in peer.not_measured


def test_a_process_that_fails_is_no_figure(bundle_folder: Path) -> None:
    from edge_nt.bench.memory import measure_memory

    [variant] = bundle_variants([bundle_folder], ["onnxruntime"], 1)
    (bundle_folder / "decoder.onnx").write_bytes(b"cut")
    [result] = measure_memory([variant], 1)
    assert result.frames_mb is None
    assert result.not_measured.startswith("Expected")


def test_the_report_is_json_that_names_the_machine(bundle_folder: Path, tmp_path: Path) -> None:
    write_result(tmp_path / "bench.json", measured([slow("a", bundle_folder)], bundle_folder))
    content = json.loads((tmp_path / "bench.json").read_text())
    assert (content["kind"], content["schema_version"]) == ("edge-nt bench", 3)
    assert set(content["machine"]) >= {"cpu", "cores", "os", "python", "onnxruntime", "threads"}
