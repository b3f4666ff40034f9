"""Bundles against their reference: figures, groups and sites, and what is refused before it is judged."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest

from edge_nt.bundle.read import read_bundle
from edge_nt.datasets.dataset import read_dataset, write_dataset
from edge_nt.errors import GateFailedError, InputError
from edge_nt.runtime.golden import check_golden, shipped_tolerances
from edge_nt.runtime.reconstructor import Reconstructor, load_unjudged
from edge_nt.verify.comparison import compare
from edge_nt.verify.gates import GateFile, read_gates
from edge_nt.verify.reference_pass import pass_reference
from edge_nt.verify.verification import VerifyReport, verify_bundles


def states(report: VerifyReport, metric: str) -> list[str]:
    return [gate.state for gate in report.comparison.gates if gate.metric == metric]


def test_a_bundle_against_its_like_passes_with_no_loss(
    bundle_folder: Path, many_scans: Path, without_calipers: GateFile
) -> None:
    report = verify_bundles(bundle_folder, bundle_folder, many_scans, without_calipers)
    assert report.passed
    assert {gate.bounds.high for gate in report.comparison.gates if gate.bounds} == {0.0}
    groups = [(group.group, group.frames) for group in report.comparison.groups]
    assert groups == [("source validation", 20), ("held-out north", 20)]
    sites = [(site.group, site.frames) for site in report.comparison.sites]
    assert sites == [("east", 10), ("north", 20), ("west", 10)]
    auroc = report.comparison.auroc
    assert auroc is not None
    assert (auroc.change.estimate, auroc.change.low, auroc.change.high) == (0, 0, 0)


def test_block_means_resolve_no_band_so_that_the_shipped_gates_are_not_shown(
    bundle_folder: Path, many_scans: Path
) -> None:
    report = verify_bundles(bundle_folder, bundle_folder, many_scans, read_gates())
    short = [gate for gate in report.comparison.gates if not gate.passed]
    assert not report.passed
    assert {gate.state for gate in short} == {"not shown"}
    assert {gate.metric.split(",")[0] for gate in short} == {"caliper drift", "caliper bias", "newly not measurable"}


def test_other_pictures_under_the_same_tables_have_another_digest(
    bundle_folder: Path, many_scans: Path, without_calipers: GateFile, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(many_scans, tmp_path / "other"))
    judged = next(other.glob("north/*.png"))
    cv2.imwrite(str(judged), 255 - cv2.imread(str(judged), cv2.IMREAD_GRAYSCALE))
    reports = [
        verify_bundles(bundle_folder, bundle_folder, data, without_calipers) for data in (many_scans, many_scans, other)
    ]
    assert reports[0].dataset_tables == reports[2].dataset_tables
    assert reports[0].scans_sha256 == reports[1].scans_sha256 != reports[2].scans_sha256


def test_figures_are_those_of_numpy(bundle_folder: Path, dataset_folder: Path, tmp_path: Path) -> None:
    brighter = block_bundle.write(tmp_path / "b", "fp16", offset=2 / 255)
    report = verify_bundles(brighter, bundle_folder, dataset_folder, read_gates())
    expected_mae, expected_db = [], []
    reconstructor = load_unjudged(bundle_folder)
    for index in range(4):
        result = reconstructor.score_file(dataset_folder / "north" / f"{index}.png")
        error = result.network_output - result.network_input / 255
        # 320x240 px becomes 256x192: the box of rows 100 to 130 touches rows 80 to 104, columns 96 to 160.
        expected_mae.append(np.abs(error[80:104, 96:160]).mean())
        expected_db.append(-10 * math.log10(np.square(error).mean()))
    held_out = report.comparison.groups[1]
    assert held_out.roi is not None
    assert held_out.roi.reference_mae == pytest.approx(np.mean(expected_mae), rel=1e-5)
    assert held_out.reference_psnr_db == pytest.approx(np.mean(expected_db), rel=1e-5)
    assert held_out.roi.difference_grey_levels == pytest.approx(2, rel=1e-4)
    assert held_out.latent_cosine_least == pytest.approx(1, abs=1e-6)


def test_latents_that_only_scale_do_not_shift_the_score_in_thresholds(
    bundle_folder: Path, many_scans: Path, tmp_path: Path, without_calipers: GateFile
) -> None:
    scaled = block_bundle.write(tmp_path / "b", "fp16", latent_gain=1.5, decoder_gain=1 / 1.5)
    report = verify_bundles(scaled, bundle_folder, many_scans, without_calipers)
    assert report.comparison.groups[0].ood_median_shift == pytest.approx(0, abs=1e-3)
    brighter = block_bundle.write(tmp_path / "brighter", "fp16", latent_gain=1.5)
    report = verify_bundles(brighter, bundle_folder, many_scans, without_calipers)
    assert states(report, "PSNR drop") == ["FAIL", "FAIL"]


def test_another_threshold_shifts_every_score(
    bundle_folder: Path, many_scans: Path, tmp_path: Path, without_calipers: GateFile
) -> None:
    stricter = block_bundle.write(tmp_path / "b", "fp16", quantile=0.3)
    report = verify_bundles(stricter, bundle_folder, many_scans, without_calipers)
    first, second = load_unjudged(bundle_folder), load_unjudged(stricter)
    files = [many_scans / "north" / f"{index}.png" for index in range(20)]
    pairs = [(first.score_file(file), second.score_file(file)) for file in files]
    shifts = [abs(b.ood_score / b.ood_threshold - a.ood_score / a.ood_threshold) for a, b in pairs]
    held_out = report.comparison.groups[1]
    assert held_out.ood_median_shift == pytest.approx(np.median(shifts))
    assert held_out.flips == sum(a.in_distribution != b.in_distribution for a, b in pairs)
    assert {gate.metric for gate in report.comparison.gates if not gate.passed} == {"OOD score shift", "OOD flips"}


def test_candidates_are_compared_on_source_validation_without_opening_the_held_out_hospital(
    bundle_folder: Path, tmp_path: Path, without_calipers: GateFile
) -> None:
    """What a search needs: one pass of the reference, candidates in memory, and how far each is from its limits."""
    scans = block_bundle.write_scans(tmp_path / "scans", per_hospital=20)
    for file in (scans / "north").iterdir():
        file.write_bytes(b"no picture")
    reference = load_unjudged(bundle_folder)
    passed = pass_reference(reference, read_dataset(scans), held_out=False)
    brighter = read_bundle(block_bundle.write(tmp_path / "b", "fp16", offset=3 / 255))
    candidates = (reference, Reconstructor(replace(brighter, sha256=""), load_unjudged(brighter.folder).session))
    same, worse = (compare(each, passed, without_calipers.gates) for each in candidates)
    assert [group.group for group in worse.groups] == ["source validation"]
    assert (same.passed, same.margin_used, same.auroc) == (True, 0, None)
    assert not worse.passed
    used = next(gate.margin_used for gate in worse.gates if gate.metric == "ROI mean |difference|")
    assert worse.margin_used >= used == pytest.approx(2, rel=1e-3)


def test_bundles_of_two_checkpoints_are_refused(bundle_folder: Path, dataset_folder: Path, tmp_path: Path) -> None:
    other = block_bundle.write(tmp_path / "other", "fp16", checkpoint="e" * 64)
    with pytest.raises(InputError, match="same checkpoint_sha256"):
        verify_bundles(other, bundle_folder, dataset_folder, read_gates())


def test_a_bundle_does_not_pass_against_its_own_like(
    bundle_folder: Path, many_scans: Path, tmp_path: Path, without_calipers: GateFile
) -> None:
    half = block_bundle.write(tmp_path / "half", "fp16", offset=20 / 255)
    with pytest.raises(InputError, match=r"an FP32 bundle as --reference\. Got fp16"):
        verify_bundles(half, half, many_scans, without_calipers)
    with pytest.raises(InputError, match="an FP32 bundle as --reference"):
        verify_bundles(bundle_folder, half, many_scans, without_calipers)


def test_phantoms_do_not_judge_a_model_of_scans(bundle_folder: Path, dataset_folder: Path) -> None:
    write_dataset(replace(read_dataset(dataset_folder), synthetic=False))
    with pytest.raises(InputError, match="Expected SYNTHETIC phantoms, as the bundle"):
        verify_bundles(bundle_folder, bundle_folder, dataset_folder, read_gates())


def test_a_bundle_that_does_not_repeat_its_golden_vectors_fails_first(bundle_folder: Path, tmp_path: Path) -> None:
    spoiled = block_bundle.write(tmp_path / "spoiled", "fp16", golden_shift=1 / 255)
    # The data folder does not even exist: golden vectors are checked before anything else is looked at.
    with pytest.raises(GateFailedError, match=r"golden vectors of .*spoiled"):
        verify_bundles(spoiled, bundle_folder, tmp_path / "nowhere", read_gates())


def test_golden_errors_are_measured_not_only_judged(tmp_path: Path) -> None:
    shifted = load_unjudged(block_bundle.write(tmp_path / "b", "int8", golden_shift=0.5 / 255))
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
    with pytest.raises(InputError, match="boxes of NT on rows of held-out site north"):
        verify_bundles(bundle_folder, bundle_folder, dataset_folder, read_gates())


def test_hospitals_the_bundle_does_not_know_are_left_out_and_scanners_stand_apart(
    bundle_folder: Path, tmp_path: Path
) -> None:
    scans = block_bundle.write_scans(tmp_path / "four", ("east", "west", "north", "elsewhere"))
    dataset = read_dataset(scans)
    rows = (replace(row, scanner="other") if row.file == "north/0.png" else row for row in dataset.rows)
    write_dataset(replace(dataset, rows=tuple(rows)))
    sites = verify_bundles(bundle_folder, bundle_folder, scans, read_gates()).comparison.sites
    assert [site.group for site in sites] == ["east", "north", "north, other", "north, phantom", "west"]


def test_a_golden_failure_names_the_backend(dataset_folder: Path, tmp_path: Path) -> None:
    spoiled = block_bundle.write(tmp_path / "spoiled", golden_shift=1 / 255)
    with pytest.raises(GateFailedError, match="on openvino"):
        verify_bundles(spoiled, spoiled, dataset_folder, read_gates(), backend="openvino")


def test_a_held_out_scanner_is_judged_apart_from_its_hospital(
    bundle_folder: Path, many_scans: Path, without_calipers: GateFile
) -> None:
    """The bundle knows only names: with east's scanner held out, the hospital's other scanner is a source."""
    folder = block_bundle.write(bundle_folder.parent / "scanner", held_out="east:new", sources=("east:old", "west"))
    dataset = read_dataset(many_scans)
    rows = [
        replace(row, scanner="new" if index % 2 else "old") if row.hospital == "east" else row
        for index, row in enumerate(dataset.rows)
    ]
    write_dataset(replace(dataset, rows=tuple(rows)))
    report = verify_bundles(folder, folder, many_scans, without_calipers)
    val = [row for row in rows if row.split == "val"]
    held_out = [row for row in rows if (row.hospital, row.scanner) == ("east", "new")]
    sources = [row for row in val if row not in held_out and row.hospital != "north"]
    groups = [(group.group, group.frames) for group in report.comparison.groups]
    assert groups == [("source validation", len(sources)), ("held-out east:new", len(held_out))]
    assert [site.group for site in report.comparison.sites] == ["east:new", "east:old", "west"]
