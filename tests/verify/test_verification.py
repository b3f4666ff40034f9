import json
import math
from dataclasses import replace
from pathlib import Path

import block_bundle
import numpy as np
import pytest

from edge_nt.cli.app import main
from edge_nt.datasets.dataset import read_dataset, write_dataset
from edge_nt.errors import GateFailedError, InputError
from edge_nt.results import read_result
from edge_nt.runtime import load
from edge_nt.runtime.golden import check_golden, shipped_tolerances
from edge_nt.verify.gates import read_gates
from edge_nt.verify.verdicts import group_figures, judge
from edge_nt.verify.verification import VerifyReport, verify_bundles


def verdicts(report: VerifyReport, metric: str) -> list[bool]:
    return [verdict.passed for verdict in report.verdicts if verdict.metric == metric]


def test_a_bundle_against_its_like_passes_with_no_change(bundle_folder: Path, dataset_folder: Path) -> None:
    report = verify_bundles(bundle_folder, bundle_folder, dataset_folder, read_gates())
    assert report.passed
    assert all(verdict.change == 0 for verdict in report.verdicts)
    assert [(group.group, group.frames) for group in report.groups] == [
        ("source validation", 4),
        ("held-out north", 4),
    ]
    assert [(hospital.group, hospital.frames) for hospital in report.hospitals] == [
        ("east", 2),
        ("north", 4),
        ("west", 2),
    ]


def test_figures_are_those_of_numpy(bundle_folder: Path, dataset_folder: Path, tmp_path: Path) -> None:
    offset = 2 / 255
    brighter = block_bundle.write(tmp_path / "b", "fp16", offset=offset)
    report = verify_bundles(brighter, bundle_folder, dataset_folder, read_gates())
    expected_mae, expected_db = [], []
    reconstructor = load(bundle_folder)
    for index in range(4):
        result = reconstructor.score_file(dataset_folder / "north" / f"{index}.png")
        error = result.network_output - result.network_input / 255
        # 320x240 px becomes 256x192: the box of rows 100 to 130 touches rows 80 to 104, columns 96 to 160.
        expected_mae.append(np.abs(error[80:104, 96:160]).mean())
        expected_db.append(-10 * math.log10(np.square(error).mean()))
    held_out = report.groups[1]
    assert held_out.roi is not None
    assert held_out.roi.reference_mae == pytest.approx(np.mean(expected_mae), rel=1e-5)
    assert held_out.reference_psnr_db == pytest.approx(np.mean(expected_db), rel=1e-5)
    assert held_out.roi.difference_grey_levels == pytest.approx(2, rel=1e-4)
    assert verdicts(report, "ROI mean |difference|") == [False, False]
    assert verdicts(report, "OOD score shift") == [True, True]


def test_latents_that_only_scale_do_not_shift_the_score_in_thresholds(
    bundle_folder: Path, dataset_folder: Path, tmp_path: Path
) -> None:
    scaled = block_bundle.write(tmp_path / "b", "fp16", latent_gain=1.5)
    report = verify_bundles(scaled, bundle_folder, dataset_folder, read_gates())
    assert report.groups[0].ood_median_shift == pytest.approx(0, abs=1e-3)
    assert verdicts(report, "PSNR drop") == [False, False]


def test_another_threshold_shifts_every_score_and_fails_its_gate_alone(
    bundle_folder: Path, dataset_folder: Path, tmp_path: Path
) -> None:
    stricter = block_bundle.write(tmp_path / "b", "fp16", quantile=0.3)
    report = verify_bundles(stricter, bundle_folder, dataset_folder, read_gates())
    first, second = load(bundle_folder), load(stricter)
    files = [dataset_folder / "north" / f"{index}.png" for index in range(4)]
    pairs = [(first.score_file(file), second.score_file(file)) for file in files]
    shifts = [abs(b.ood_score / b.ood_threshold - a.ood_score / a.ood_threshold) for a, b in pairs]
    assert report.groups[1].ood_median_shift == pytest.approx(np.median(shifts))
    assert report.groups[1].flips == sum(a.in_distribution != b.in_distribution for a, b in pairs)
    assert [verdict.metric for verdict in report.verdicts if not verdict.passed] == ["OOD score shift"] * 2


def test_the_command_writes_a_report_and_exits_1_with_the_gate_and_the_amount(
    bundle_folder: Path, dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = block_bundle.write(tmp_path / "int8", "int8", offset=0.02)
    command = ["verify", str(worse), "--reference", str(bundle_folder), "--data", str(dataset_folder)]
    out = tmp_path / "verify.json"
    assert main([*command, "--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert "ROI mean |difference| of source validation 5.1 grey levels (limit 1.5)" in printed.err
    assert "SYNTHETIC" in printed.out
    report = json.loads(out.read_text())
    assert report["passed"] is False
    assert report["candidate"]["precision"] == "int8"
    assert str(tmp_path) not in out.read_text()
    assert main(["verify", str(bundle_folder), *command[2:], "--out", str(out)]) == 0
    assert json.loads(out.read_text())["passed"] is True


def test_a_report_inside_a_bundle_is_refused_before_the_work(
    bundle_folder: Path, dataset_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["verify", str(bundle_folder), "--reference", str(bundle_folder), "--data", str(dataset_folder)]
    assert main([*command, "--out", str(bundle_folder / "verify.json")]) == 2
    assert "outside the bundles" in capsys.readouterr().err
    assert not (bundle_folder / "verify.json").exists()


def test_bundles_of_two_checkpoints_are_refused(bundle_folder: Path, dataset_folder: Path, tmp_path: Path) -> None:
    other = block_bundle.write(tmp_path / "other", "fp16", checkpoint="e" * 64)
    with pytest.raises(InputError, match="same checkpoint_sha256"):
        verify_bundles(other, bundle_folder, dataset_folder, read_gates())


def test_a_bundle_that_does_not_repeat_its_golden_vectors_fails_first(bundle_folder: Path, tmp_path: Path) -> None:
    spoiled = block_bundle.write(tmp_path / "spoiled", "fp16", golden_shift=1 / 255)
    # The data folder does not even exist: golden vectors are checked before anything else is looked at.
    with pytest.raises(GateFailedError, match=r"golden vectors of .*spoiled"):
        verify_bundles(spoiled, bundle_folder, tmp_path / "nowhere", read_gates())


def test_golden_errors_are_measured_not_only_judged(tmp_path: Path) -> None:
    shifted = load(block_bundle.write(tmp_path / "b", "int8", golden_shift=0.5 / 255))
    found = check_golden(shifted.bundle, shifted.session, shipped_tolerances())
    assert found.frames == 2
    assert found.reconstruction_grey_levels == pytest.approx(0.5, rel=1e-3)
    assert found.latent_relative_error < 1e-6


@pytest.mark.parametrize("missing", [("east", "west"), ("north",)])
def test_a_dataset_without_one_of_the_groups_is_refused(
    bundle_folder: Path, tmp_path: Path, missing: tuple[str, ...]
) -> None:
    kept = tuple({"east", "west", "north"} - set(missing))
    scans = block_bundle.write_scans(tmp_path / "part", kept)
    with pytest.raises(InputError, match="rows of"):
        verify_bundles(bundle_folder, bundle_folder, scans, read_gates())


def test_a_group_without_boxes_is_an_error_not_a_pass(bundle_folder: Path, dataset_folder: Path) -> None:
    dataset = read_dataset(dataset_folder)
    source_only = {file: boxes for file, boxes in dataset.boxes.items() if not file.startswith("north")}
    write_dataset(replace(dataset, boxes=source_only))
    with pytest.raises(InputError, match="boxes of NT on rows of held-out hospital north"):
        verify_bundles(bundle_folder, bundle_folder, dataset_folder, read_gates())


def test_frames_of_hospitals_the_bundle_does_not_know_are_left_out(bundle_folder: Path, tmp_path: Path) -> None:
    scans = block_bundle.write_scans(tmp_path / "four", ("east", "west", "north", "elsewhere"))
    report = verify_bundles(bundle_folder, bundle_folder, scans, read_gates())
    assert [hospital.group for hospital in report.hospitals] == ["east", "north", "west"]


def test_a_change_that_is_no_number_fails(bundle_folder: Path, dataset_folder: Path) -> None:
    figures = verify_bundles(bundle_folder, bundle_folder, dataset_folder, read_gates()).groups[0]
    judged = judge(replace(figures, ood_median_shift=math.nan), "NT", read_gates().gates)
    assert [verdict.passed for verdict in judged] == [True, True, True, True, False]


def test_flips_are_counted(bundle_folder: Path, dataset_folder: Path) -> None:
    from edge_nt.verify.frame_comparison import FrameComparison

    def frame(reference: float, candidate: float) -> FrameComparison:
        return FrameComparison("f", "h", 30.0, 30.0, reference, candidate, None)

    figures = group_figures("g", [frame(0.99, 1.01), frame(1.2, 0.9), frame(0.5, 0.6), frame(1.0, 0.9)])
    assert figures.flips == 2
    assert figures.ood_median_shift == pytest.approx(0.1)
    assert figures.roi is None


def test_the_candidate_runs_on_the_backend_that_is_named_and_the_reference_on_onnxruntime(
    bundle_folder: Path, dataset_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "verify.json"
    command = ["verify", str(bundle_folder), "--reference", str(bundle_folder), "--data", str(dataset_folder)]
    assert main([*command, "--backend", "openvino", "--out", str(out)]) == 0
    report = read_result(out, VerifyReport)
    assert (report.candidate.backend, report.reference.backend) == ("openvino", "onnxruntime")
    assert main([*command, "--backend", "tensorrt", "--out", str(out)]) == 2


def test_a_golden_failure_names_the_backend(dataset_folder: Path, tmp_path: Path) -> None:
    spoiled = block_bundle.write(tmp_path / "spoiled", golden_shift=1 / 255)
    with pytest.raises(GateFailedError, match="on openvino"):
        verify_bundles(spoiled, spoiled, dataset_folder, read_gates(), backend="openvino")
