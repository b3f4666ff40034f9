import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_nt.bundle.read import read_bundle
from edge_nt.bundle.tensorrt_target import refuse_for_tensorrt
from edge_nt.datasets.dataset import Row, read_dataset
from edge_nt.digests import sha256_pixels
from edge_nt.errors import InputError, LeakageError
from edge_nt.export.bundle_export import export_bundle
from edge_nt.export.int8_export import Int8Options
from edge_nt.export.qat_recipe import read_qat_recipe
from edge_nt.export.recipe import read_export_recipe
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Preprocess, letterbox, to_unit_range
from edge_nt.ood.combined import combined_scores, frame_figures, signals_of
from edge_nt.ood.combined_arrays import combined_arrays
from edge_nt.ood.combined_fit import fit_combined
from edge_nt.ood.mahalanobis import ood_scores
from edge_nt.phantom.generate import render_phantom
from edge_nt.report.private_words import refuse_private_words
from edge_nt.runtime import load
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession

PRECISIONS = ("fp32", "fp16", "int8")


SPLITS = ("train", "val")


@pytest.fixture(scope="module")
def bundles(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("bundles")
    reports = [
        export_bundle(finished_run, recipe=read_export_recipe(precision), out=root / precision)
        for precision in PRECISIONS
    ]
    return {report.manifest.precision: report.bundle for report in reports}


def _images(run: Path, split: str) -> tuple[list[str], np.ndarray]:
    dataset = read_dataset(run.parent / "data")
    rows = [row for row in dataset.rows if row.split == split and row.hospital != "phantom-c"]
    pictures = [letterbox(decode_image(dataset.path(row)).pixels, Preprocess()) for row in rows]
    return [row.hospital for row in rows], to_unit_range(np.stack(pictures))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_ood_statistics_are_of_this_very_encoder(bundles, finished_run, precision):
    bundle = read_bundle(bundles[precision])
    session = OnnxRuntimeSession(bundle.encoder_onnx, bundle.decoder_onnx)
    hospitals, images = _images(finished_run, "train")
    latents = session.encode(images)
    assert bundle.ood.latent.hospitals == ("phantom-a", "phantom-b") == bundle.manifest.source_hospitals
    for name, mean in zip(bundle.ood.latent.hospitals, bundle.ood.latent.means, strict=True):
        mine = latents[np.array(hospitals) == name].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(mean, mine, rtol=1e-6, atol=1e-6)
    validation = ood_scores(bundle.ood.latent, session.encode(_images(finished_run, "val")[1]))
    assert np.mean(validation <= bundle.ood.latent.threshold * (1 + 1e-9)) >= 0.95


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_shipped_score_is_fitted_on_source_frames_as_the_cart_runs_them(bundles, finished_run, precision):
    """Fitted again on what the runtime gives, frame by frame, it is the same model."""
    reconstructor = load(bundles[precision], backend="onnxruntime", allow_unverified=True)
    dataset = read_dataset(finished_run.parent / "data")
    rows = {
        split: [row for row in dataset.rows if row.split == split and row.hospital != "phantom-c"] for split in SPLITS
    }
    inputs, latents, outputs = ({}, {}, {})
    for split in SPLITS:
        results = [reconstructor.score_file(dataset.path(row)) for row in rows[split]]
        inputs[split] = np.stack([result.network_input for result in results])
        latents[split] = np.stack([result.latent for result in results])
        outputs[split] = np.stack([result.network_output for result in results])
    figures = frame_figures(inputs["val"], latents["val"], outputs["val"])
    hospitals = [row.hospital for row in rows["train"]]
    patients = [row.patient for row in rows["val"]]
    again = combined_arrays(fit_combined(latents["train"], signals_of(inputs["train"]), hospitals, figures, patients))
    shipped = combined_arrays(reconstructor.bundle.ood)
    for name, array in shipped.items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(array, again[name], rtol=1e-4, atol=1e-4, err_msg=name)
    scores = combined_scores(reconstructor.bundle.ood, figures)
    np.testing.assert_allclose(scores, [result.ood_score for result in results], rtol=1e-6)


def test_precisions_differ_in_their_latents_but_share_the_checkpoint(bundles):
    read = [read_bundle(bundles[precision]) for precision in PRECISIONS]
    assert len({bundle.manifest.checkpoint_sha256 for bundle in read}) == 1
    assert len({bundle.ood.threshold for bundle in read}) == 3
    assert all(bundle.manifest.synthetic and bundle.manifest.structure == "NT" for bundle in read)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_golden_vectors_are_phantoms_and_what_the_graphs_give(bundles, precision):
    bundle = read_bundle(bundles[precision])
    session = OnnxRuntimeSession(bundle.encoder_onnx, bundle.decoder_onnx)
    latents = session.encode(to_unit_range(bundle.golden.frames))
    np.testing.assert_allclose(latents, bundle.golden.latents, atol=1e-5)
    np.testing.assert_allclose(session.decode(latents), bundle.golden.reconstructions, atol=1e-5)
    phantoms = [letterbox(render_phantom(0, k, 0).frame.pixels, bundle.manifest.preprocess) for k in range(4)]
    np.testing.assert_array_equal(bundle.golden.frames, np.stack(phantoms))


def _rows_by_pixels(run: Path) -> dict[str, Row]:
    dataset = read_dataset(run.parent / "data")
    return {sha256_pixels(decode_image(dataset.path(row)).pixels): row for row in dataset.rows}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_bundle_names_no_file_or_patient_of_its_dataset_and_no_path_of_this_machine(bundles, finished_run, precision):
    refuse_private_words(bundles[precision], read_dataset(finished_run.parent / "data"))


def test_int8_is_calibrated_on_training_rows_of_source_hospitals_only(bundles, finished_run):
    provenance = read_bundle(bundles["int8"]).manifest.calibration
    assert provenance is not None
    rows = _rows_by_pixels(finished_run)
    used = [rows[image.sha256] for image in provenance.images]
    assert {row.hospital for row in used} == {"phantom-a", "phantom-b"}
    assert {row.split for row in used} == {"train"}
    assert all(read_bundle(bundles[precision]).manifest.calibration is None for precision in ("fp32", "fp16"))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_bundle_knows_what_its_model_was_trained_on(bundles, finished_run, precision):
    dataset = read_dataset(finished_run.parent / "data")
    trained = [row for row in dataset.rows if row.split == "train" and row.hospital != "phantom-c"]
    digests = sorted(sha256_pixels(decode_image(dataset.path(row)).pixels)[:16] for row in trained)
    assert list(read_bundle(bundles[precision]).manifest.trained_on) == digests


def test_exporting_again_gives_the_same_files(bundles, finished_run, tmp_path):
    again = export_bundle(finished_run, recipe=read_export_recipe("int8"), out=tmp_path / "again")
    assert again.manifest.files == read_bundle(bundles["int8"]).manifest.files


def test_a_leaking_calibration_file_leaves_no_bundle(finished_run, tmp_path):
    info = read_dataset(finished_run.parent / "data")
    held_out = next(row.file for row in info.rows if row.hospital == "phantom-c")
    source = [row.file for row in info.rows if row.hospital != "phantom-c" and row.split == "train"]
    (tmp_path / "mine.csv").write_text("\n".join(["file", *source, held_out]))
    out = tmp_path / "bundle"
    with pytest.raises(LeakageError, match=held_out):
        export_bundle(finished_run, recipe=read_export_recipe("int8"), out=out, int8=Int8Options(tmp_path / "mine.csv"))
    assert not out.exists()


def test_both_int8_targets_come_from_the_same_ranges_and_only_one_is_for_tensorrt(bundles, finished_run, tmp_path):
    report = export_bundle(finished_run, recipe=read_export_recipe("int8"), out=tmp_path / "cpu", target="cpu")
    cpu, tensorrt = read_bundle(tmp_path / "cpu").manifest, read_bundle(bundles["int8"]).manifest
    assert (cpu.target, tensorrt.target) == ("cpu", "tensorrt")
    assert cpu.calibration == tensorrt.calibration
    assert cpu.files["encoder.onnx"] != tensorrt.files["encoder.onnx"]
    assert report.tensorrt.plan_bytes == {}
    assert "not for TensorRT" in report.tensorrt.not_checked
    with pytest.raises(InputError, match="target cpu"):
        refuse_for_tensorrt(cpu, tmp_path / "cpu")


@pytest.mark.parametrize(("precision", "target"), [("fp32", "cpu"), ("fp16", "tensorrt"), ("int8", "any")])
def test_a_target_that_the_precision_does_not_have_is_refused(finished_run, tmp_path, precision, target):
    with pytest.raises(InputError, match=f"--target .* for {precision}"):
        export_bundle(finished_run, recipe=read_export_recipe(precision), out=tmp_path / "b", target=target)


def test_a_named_calibration_set_is_the_one_that_is_used(bundles, finished_run, tmp_path):
    rows = read_dataset(finished_run.parent / "data").rows
    train = [row for row in rows if row.split == "train"]
    named = [next(row.file for row in train if row.hospital == name) for name in ("phantom-a", "phantom-b")]
    (tmp_path / "mine.csv").write_text("\n".join(["file", *named]))
    recipe, out = read_export_recipe("int8"), tmp_path / "bundle"
    manifest = export_bundle(finished_run, recipe=recipe, out=out, int8=Int8Options(tmp_path / "mine.csv")).manifest
    by_pixels = _rows_by_pixels(finished_run)
    assert [by_pixels[image.sha256].file for image in manifest.calibration.images] == named
    assert manifest.files["encoder.onnx"] != read_bundle(bundles["int8"]).manifest.files["encoder.onnx"]


@pytest.mark.parametrize(
    ("precision", "options", "said"),
    [
        ("fp16", Int8Options(Path("x.csv")), "--calibration with int8 only"),
        ("fp32", Int8Options(auto=True), "--auto with int8 only"),
        ("fp32", Int8Options(gates=Path("g.toml")), "--gates with int8 only"),
        ("fp16", Int8Options(fine_tuning=read_qat_recipe()), "--qat with int8 only"),
        ("int8", Int8Options(gates=Path("g.toml")), "--gates with --auto or --calibrator auto"),
    ],
)
def test_what_an_export_would_not_use_is_refused(finished_run, tmp_path, precision, options, said):
    with pytest.raises(InputError, match=said):
        export_bundle(finished_run, recipe=read_export_recipe(precision), out=tmp_path / "b", int8=options)


def test_data_that_changed_since_training_is_refused(finished_run, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(finished_run.parent / "data", data)
    manifest = (data / "manifest.csv").read_text()
    (data / "manifest.csv").write_text(manifest.replace(",train,", ",val,", 1))
    with pytest.raises(InputError, match="rows that the run was made with"):
        export_bundle(finished_run, recipe=read_export_recipe("fp32"), out=tmp_path / "b", data_root=data)


def test_pictures_that_the_run_never_saw_are_refused(finished_run, tmp_path):
    data = Path(shutil.copytree(finished_run.parent / "data", tmp_path / "data"))
    picture = data / "images" / "phantom-a-0001.png"
    cv2.imwrite(str(picture), 255 - cv2.imread(str(picture), cv2.IMREAD_UNCHANGED))
    with pytest.raises(InputError, match=r"other pictures\."):
        export_bundle(finished_run, recipe=read_export_recipe("fp32"), out=tmp_path / "b", data_root=data)
    assert not (tmp_path / "b").exists()


def test_an_unfinished_run_is_refused(finished_run, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(finished_run / "run.json", run)
    with pytest.raises(InputError, match="finished stage2"):
        export_bundle(run, recipe=read_export_recipe("fp32"), out=tmp_path / "b")


def test_an_interrupted_export_leaves_nothing(finished_run, tmp_path):
    def interrupt(stage: str, _done: int, _total: int) -> None:
        if "OOD" in stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_bundle(finished_run, recipe=read_export_recipe("fp32"), out=tmp_path / "bundle", on_stage=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_an_export_without_tensorrt_rtx_says_so(finished_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    report = export_bundle(finished_run, recipe=read_export_recipe("fp32"), out=tmp_path / "bundle")
    assert report.tensorrt.not_checked == "tensorrt-rtx is not installed"
    assert read_bundle(report.bundle).manifest == report.manifest
