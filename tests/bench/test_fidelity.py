"""The gates beside the speed: judged, or refused before speeds are measured."""

from pathlib import Path

import block_bundle
import pytest
from quick_bench import measured
from slow_variant import slow

from edge_nt.bench.fidelity import read_fidelity_data
from edge_nt.bench.measure import BenchPlan
from edge_nt.bench.variant import bundle_variants
from edge_nt.errors import InputError
from edge_nt.recipes import default_path

DEMO_GATES = default_path("benchmarks/demo_gates.toml")


def test_the_gates_stand_beside_the_speed(tmp_path: Path) -> None:
    data = block_bundle.write_scans(tmp_path / "many", per_hospital=20)
    reference = block_bundle.write(tmp_path / "fp32")
    same = block_bundle.write(tmp_path / "same", "fp16")
    brighter = block_bundle.write(tmp_path / "brighter", "fp16", offset=0.05)
    other = block_bundle.write(tmp_path / "other", checkpoint="d" * 64)
    plan = BenchPlan(rounds=2, warmup=1, settle_ms=0, fidelity=read_fidelity_data(reference, data, DEMO_GATES))
    report = measured([*bundle_variants([same, brighter, other], ["onnxruntime"], 1)], reference, plan)
    assert report.fidelity is not None
    passes, fails, refused = report.fidelity.variants
    assert [each.verdict for each in report.fidelity.variants] == ["passed", "not passed", "not compared"]
    assert passes.comparison is not None
    assert [each.group for each in passes.comparison.groups] == ["source validation", "held-out north"]
    assert passes.comparison.auroc is not None
    assert fails.comparison is not None
    between = [gate for gate in fails.comparison.gates if gate.metric == "ROI mean |difference|"]
    assert [gate.bounds.estimate for gate in between] == [pytest.approx(0.05 * 255, rel=1e-3)] * 2
    assert "checkpoint_sha256" in refused.failed
    assert refused.comparison is None
    assert report.fidelity.gate_file.name == "demo_gates.toml"


def test_the_reference_of_the_gates_is_fp32(tmp_path: Path, dataset_folder: Path) -> None:
    with pytest.raises(InputError, match="FP32 bundle as --reference"):
        read_fidelity_data(block_bundle.write(tmp_path / "half", "fp16"), dataset_folder)


def test_a_dataset_that_cannot_judge_is_refused_before_speeds_are_measured(tmp_path: Path, bundle_folder: Path) -> None:
    data = block_bundle.write_scans(tmp_path / "part", ("east", "west"))
    with pytest.raises(InputError, match="rows of held-out site north"):
        read_fidelity_data(bundle_folder, data)


def test_a_picture_that_cannot_be_decoded_costs_the_comparison_alone(bundle_folder: Path, tmp_path: Path) -> None:
    data = block_bundle.write_scans(tmp_path / "data", per_hospital=20)
    fidelity = read_fidelity_data(bundle_folder, data, DEMO_GATES)
    for row in fidelity.dataset.rows:
        fidelity.dataset.path(row).write_bytes(b"gone")
    report = measured([slow("a", bundle_folder)], bundle_folder, BenchPlan(2, 1, 0, fidelity=fidelity))
    assert report.variants[0].stages["total"].n == 2
    [judged] = report.fidelity.variants
    assert judged.verdict == "not compared"
    assert "not a PNG" in judged.failed
