"""How stage 2's weights are measured, and inside which region each of its terms looks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from edge_nt.losses.ms_ssim import ms_ssim
from edge_nt.losses.roi import roi_edge_l1, roi_l1
from edge_nt.training.batches import FrameSet, frame_set, term_masks, training_batch
from edge_nt.training.branch import branch_run
from edge_nt.training.checkpoint import load_model, read_facts
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import read_run_frames
from edge_nt.training.train import train_run


@pytest.fixture(scope="module")
def frames(trained: Path) -> FrameSet:
    source = read_run_frames(read_run(trained), None)
    return frame_set(source, source.split.train)


@pytest.mark.parametrize(("weighting", "training"), [("step-gradients", True), ("gradients", False)])
def test_weights_have_the_norms_of_the_mode_that_they_are_named_after(
    trained: Path, frames: FrameSet, quick_recipe: TrainRecipe, tmp_path: Path, weighting: str, training: bool
) -> None:
    recipe = replace(quick_recipe, stage2_weighting=weighting, stage2_roi_pull=3.0, stage2_steps=1)
    branch_run(trained, tmp_path / "run", recipe)
    train_run(tmp_path / "run", stages=(2,))
    norms: dict[str, list[float]] = {"ms_ssim": [], "roi_l1": [], "roi_edge_l1": []}
    for step in range(recipe.calibration_batches):
        model = load_model(trained, "stage1").train(training)
        scans, masks = training_batch(frames, recipe, 2, step)
        pictures = model(scans)
        wide, tight = masks.split(1, 1)
        terms = (1 - ms_ssim(pictures, scans), roi_l1(pictures, scans, wide), roi_edge_l1(pictures, scans, tight))
        for name, term in zip(norms, terms, strict=True):
            model.zero_grad()
            term.backward(retain_graph=True)
            norms[name].append(float(torch.cat([weight.grad.flatten() for weight in model.parameters()]).norm()))
    weights = read_facts(tmp_path / "run", "stage2")["loss_weights"]
    pulls = {"ms_ssim": 1.0, "roi_l1": 3.0, "roi_edge_l1": 3.0}
    expected = {name: pull * np.mean(norms["ms_ssim"]) / np.mean(norms[name]) for name, pull in pulls.items()}
    assert weights == pytest.approx(expected, rel=1e-3)


def test_measuring_as_steps_do_leaves_the_statistics_of_stage_1(
    trained: Path, frames: FrameSet, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    recipe = replace(quick_recipe, stage2_weighting="step-gradients", stage2_steps=1)
    branch_run(trained, tmp_path / "run", recipe)
    train_run(tmp_path / "run", stages=(2,))
    before, after = (load_file(tmp_path / "run" / f"stage{stage}.safetensors") for stage in (1, 2))
    first = "encoder.1.running_mean"
    scans, _ = training_batch(frames, recipe, 2, 0)
    convolved = load_model(trained, "stage1").encoder[0](scans)
    # One step notes one batch; had the measurement noted its own, there would be three in it.
    expected = torch.lerp(before[first], convolved.mean((0, 2, 3)), 0.1)
    torch.testing.assert_close(after[first], expected, rtol=1e-3, atol=1e-5)
    assert after["encoder.1.num_batches_tracked"] == before["encoder.1.num_batches_tracked"] + 1


def test_each_term_looks_inside_its_own_dilation(frames: FrameSet, quick_recipe: TrainRecipe) -> None:
    recipe = replace(quick_recipe, roi_dilation_px=1, roi_l1_dilation_px=3)
    wide, tight = term_masks(frames, np.array([0]), recipe)[0] > 0
    box = torch.from_numpy(frames.rois[0][0].mask(*frames.frames.shape[-2:]))
    for mask, grown in ((wide, 3), (tight, 1)):
        assert [int(mask.any(side).sum() - box.any(side).sum()) for side in (0, 1)] == [2 * grown, 2 * grown]
