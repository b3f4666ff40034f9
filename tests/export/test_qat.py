import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_nt.bundle.read import read_bundle
from edge_nt.digests import sha256_pixels
from edge_nt.errors import InputError
from edge_nt.export import qat
from edge_nt.export.bundle_export import export_bundle
from edge_nt.export.int8_export import Int8Options
from edge_nt.export.int8_graph import int8_graphs
from edge_nt.export.onnx_graph import graph_bytes
from edge_nt.export.qat import Rounded, fine_tuned
from edge_nt.export.qat_recipe import QatRecipe, read_qat_recipe
from edge_nt.export.recipe import Int8Recipe, read_export_recipe
from edge_nt.imaging.decode import decode_image
from edge_nt.training.checkpoint import load_model, save_model
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import RunFrames, read_run_frames

SIZE = (192, 256)
INT8 = Int8Recipe("minmax", 4, (), "fp32")
TWO_STEPS = QatRecipe(2, 2, 1e-5, 0.01, 0, 1.0, 1.0)


@pytest.fixture(scope="module")
def run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run, with the loss weights that a stage 2 leaves beside its weights."""
    folder = tmp_path_factory.mktemp("qat") / "run"
    shutil.copytree(finished_run, folder)
    weights = {"ms_ssim": 1.0, "roi_l1": 0.3, "roi_edge_l1": 1.5}
    save_model(folder, "stage2", load_model(folder, "stage2"), {"loss_weights": weights})
    return folder


@pytest.fixture(scope="module")
def source(run: Path) -> RunFrames:
    return read_run_frames(read_run(run), None)


def _tuned(run, source, graphs, ranges, recipe=TWO_STEPS, target="tensorrt"):
    return fine_tuned(run, source, graphs("fp32", *SIZE), ranges(*SIZE), int8=INT8, target=target, recipe=recipe)


def _bytes(tuned) -> tuple[object, ...]:
    graphs, ranges = tuned
    return graph_bytes(graphs.encoder), graph_bytes(graphs.decoder), ranges.sha256


@pytest.fixture(scope="module")
def tuned_bytes(run, source, graphs, ranges) -> tuple[object, ...]:
    return _bytes(_tuned(run, source, graphs, ranges))


def test_weights_and_ranges_move(tuned_bytes, graphs, ranges):
    before = graphs("fp32", *SIZE)
    untouched = graph_bytes(before.encoder), graph_bytes(before.decoder), ranges(*SIZE).sha256
    assert all(mine != old for mine, old in zip(tuned_bytes, untouched, strict=True))


def test_the_same_training_rows_of_source_hospitals_give_the_same_bytes_whatever_others_hold(
    run, source, graphs, ranges, tuned_bytes
):
    spoiled = np.array(source.cached.frames)
    seen = {row.file for row in source.split.train}
    unseen = [index for index, row in enumerate(source.dataset.rows) if row.file not in seen]
    spoiled[unseen] = np.random.default_rng(0).integers(0, 256, spoiled[unseen].shape, np.uint8)
    other = replace(source, cached=replace(source.cached, frames=spoiled))
    assert len(unseen) >= 8
    assert _bytes(_tuned(run, other, graphs, ranges)) == tuned_bytes
    spoiled[:] = 0
    assert _bytes(_tuned(run, other, graphs, ranges)) != tuned_bytes


@pytest.mark.parametrize("target", ["tensorrt", pytest.param("cpu", marks=pytest.mark.slow)])
def test_held_to_the_float_network_int8_comes_closer_to_it(run, source, graphs, ranges, frames, target):
    exact, images = graphs("fp32", *SIZE), torch.from_numpy(frames(*SIZE))
    recipe = QatRecipe(12, 4, 6e-6, 0.06, 1, 0.0, 1.0)
    tuned, learnt = _tuned(run, source, graphs, ranges, recipe, target)
    with torch.no_grad():
        expected = Rounded(exact, exact)(images)
        before = Rounded(exact, int8_graphs(exact, ranges(*SIZE), INT8, target))(images)
        after = Rounded(tuned, int8_graphs(tuned, learnt, INT8, target))(images)
    assert (after - expected).abs().mean() < 0.95 * (before - expected).abs().mean()
    # By contract, and with its room for hospitals that nobody has seen.
    assert learnt.encoder["frame"] == ranges(*SIZE).encoder["frame"]
    assert learnt.decoder["latent"] == ranges(*SIZE).decoder["latent"]


def test_ranges_that_collapse_are_refused(run, source, graphs, ranges):
    recipe = QatRecipe(3, 2, 1e-6, 0.9, 0, 0.0, 1.0)
    with pytest.raises(InputError, match="ranges above 0") as refusal:
        _tuned(run, source, graphs, ranges, recipe)
    assert "factors" in refusal.value.got


def test_weights_that_are_no_numbers_are_refused(run, source, graphs, ranges, monkeypatch):
    monkeypatch.setattr(qat, "roi_l1", lambda candidate, _expected, _masks: candidate.sum() * float("nan"))
    with pytest.raises(InputError, match="finite weights"):
        _tuned(run, source, graphs, ranges)


def test_a_bundle_says_how_far_it_was_fine_tuned(run, tmp_path):
    steps: list[tuple[str, int, int]] = []
    recipe = read_export_recipe("int8")
    made = export_bundle(
        run,
        recipe=recipe,
        out=tmp_path / "qat",
        int8=Int8Options(fine_tuning=TWO_STEPS),
        on_stage=lambda *stage: steps.append(stage),
    )
    manifest = read_bundle(made.bundle).manifest
    assert (manifest.quantisation.method, manifest.quantisation.fine_tuning_steps) == ("qat", 2)
    # Every training image bears on weights and ranges, not only those that the ranges began with.
    source = read_run_frames(read_run(run), None)
    trained_on = {sha256_pixels(decode_image(source.dataset.path(row)).pixels) for row in source.split.train}
    assert {image.sha256 for image in manifest.calibration.images} == trained_on
    assert [(done, total) for stage, done, total in steps if stage.startswith("fine-tuning")] == [(1, 2), (2, 2)]


def test_ctrl_c_in_the_middle_leaves_nothing(run, tmp_path):
    def stop(stage: str, done: int, _total: int) -> None:
        if stage.startswith("fine-tuning") and done == 1:
            raise KeyboardInterrupt

    options = Int8Options(fine_tuning=TWO_STEPS)
    with pytest.raises(KeyboardInterrupt):
        export_bundle(run, recipe=read_export_recipe("int8"), out=tmp_path / "qat", int8=options, on_stage=stop)
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_recipe_is_read_and_steps_replace_its_own():
    assert read_qat_recipe().steps >= 1
    assert read_qat_recipe(steps=7) == replace(read_qat_recipe(), steps=7)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("steps = 0", "steps"),
        ("batch_size = true", "batch_size"),
        ("learning_rate = 1", "learning_rate"),
        ("range_learning_rate = nan", "range_learning_rate"),
        ("reference_weight = -1.0", "reference_weight"),
        ("reference_weight = 0.0", "one of them above"),
        ("reference_weight = inf", "reference_weight"),
        ("surprise = 1", "surprise"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path, line, named):
    values = {
        "steps": "1", "batch_size": "1", "learning_rate": "1e-5", "range_learning_rate": "0.01", "warmup_steps": "0",
        "stage2_weight": "0.0", "reference_weight": "1.0",
    }  # fmt: skip
    name, value = line.split(" = ")
    path = tmp_path / "qat.toml"
    path.write_text("".join(f"{key} = {each}\n" for key, each in {**values, name: value}.items()))
    with pytest.raises(InputError) as refusal:
        read_qat_recipe(path)
    assert named in refusal.value.expected + refusal.value.got
