"""How stage 2's weights are measured, and inside which region each of its terms looks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from prepared_run import prepared
from safetensors.torch import load_file

from edge_nt.losses.ms_ssim import ms_ssim
from edge_nt.losses.roi import roi_edge_l1, roi_l1
from edge_nt.training.batches import FrameSet, frame_set, term_masks, training_batch
from edge_nt.training.branch import branch_run
from edge_nt.training.checkpoint import load_model, read_facts
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import read_run_frames
from edge_nt.training.stage import terms_of
from edge_nt.training.train import train_run

# Another memory layout adds in another order; the two modes' weights differ by far more than that (seen: 29 and 42 %).
CLOSE = 0.02


@pytest.fixture(scope="module")
def stage1(phantoms: Path, quick_recipe: TrainRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a finished stage 1, in float32 wherever the tests run."""
    run = tmp_path_factory.mktemp("stage1") / "run"
    train_run(prepared(run, phantoms, quick_recipe, device="cpu", precision="float32"), stages=(1,))
    return run


@pytest.fixture(scope="module")
def frames(stage1: Path) -> FrameSet:
    source = read_run_frames(read_run(stage1), None)
    return frame_set(source, source.split.train)


def _continued(stage1: Path, run: Path, recipe: TrainRecipe, weighting: str) -> dict[str, float]:
    """Stage 2's weights of one step from `stage1`."""
    branch_run(stage1, run, replace(recipe, stage2_weighting=weighting, stage2_roi_pull=3.0, stage2_steps=1))
    train_run(run, stages=(2,))
    weights: dict[str, float] = read_facts(run, "stage2")["loss_weights"]
    return weights


@pytest.mark.parametrize(("weighting", "training"), [("step-gradients", True), ("gradients", False)])
def test_weights_have_the_norms_of_the_mode_that_they_are_named_after(
    stage1: Path, frames: FrameSet, quick_recipe: TrainRecipe, tmp_path: Path, weighting: str, training: bool
) -> None:
    norms: dict[str, list[float]] = {"ms_ssim": [], "roi_l1": [], "roi_edge_l1": []}
    for step in range(quick_recipe.calibration_batches):
        model = load_model(stage1, "stage1").train(training)
        scans, masks = training_batch(frames, quick_recipe, 2, step)
        pictures = model(scans)
        wide, tight = masks.split(1, 1)
        terms = (1 - ms_ssim(pictures, scans), roi_l1(pictures, scans, wide), roi_edge_l1(pictures, scans, tight))
        for name, term in zip(norms, terms, strict=True):
            model.zero_grad()
            term.backward(retain_graph=True)
            gradients = [weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]
            norms[name].append(float(torch.cat(gradients).norm()))
    pulls = {"ms_ssim": 1.0, "roi_l1": 3.0, "roi_edge_l1": 3.0}
    expected = {name: pull * np.mean(norms["ms_ssim"]) / np.mean(norms[name]) for name, pull in pulls.items()}
    assert _continued(stage1, tmp_path / "run", quick_recipe, weighting) == pytest.approx(expected, rel=CLOSE)


def test_measuring_as_steps_do_leaves_the_statistics_of_stage_1(
    stage1: Path, frames: FrameSet, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    _continued(stage1, tmp_path / "run", quick_recipe, "step-gradients")
    before, after = (load_file(tmp_path / "run" / f"stage{stage}.safetensors") for stage in (1, 2))
    first = "encoder.1.running_mean"
    scans, _ = training_batch(frames, quick_recipe, 2, 0)
    convolved = load_model(stage1, "stage1").encoder[0](scans)
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


def test_each_term_is_a_mean_over_the_frames_that_have_its_own_region() -> None:
    scans = torch.rand(2, 1, 192, 192, generator=torch.Generator().manual_seed(0))
    pictures = scans.flip(0)
    masks = torch.zeros(2, 2, 192, 192)
    masks[:, 0, 40:80, 40:80] = 1  # L1 looks into both frames,
    masks[1, 1, 50:60, 50:60] = 1  # edges into the second alone: moved out of the first, say.
    counts = torch.tensor([2, 1])
    for given in (None, counts):
        terms = terms_of(("roi_l1", "roi_edge_l1"), pictures, scans, masks, given)
        torch.testing.assert_close(terms["roi_l1"], roi_l1(pictures, scans, masks[:, :1]))
        torch.testing.assert_close(terms["roi_edge_l1"], roi_edge_l1(pictures[1:], scans[1:], masks[1:, 1:]))
