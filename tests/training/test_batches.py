"""Batches: a pure function of seed, stage and step; every frame once an epoch; ROI masks that move with the frames."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_nt.imaging.letterbox import Preprocess
from edge_nt.losses.roi import roi_l1
from edge_nt.training.augment import Draws, augment, draw
from edge_nt.training.batches import FrameSet, frame_set, frames_and_masks, training_batch
from edge_nt.training.recipe import Augmentation, TrainRecipe, read_recipe
from edge_nt.training.run_frames import network_rois, read_run_frames
from edge_nt.training.train import prepare_run

STILL = Augmentation(flip=False, scale_min=1.0, scale_max=1.0, shift=0.0, gain=0.0, gamma=0.0, time_gain=0.0)
MOVING = replace(STILL, flip=True, scale_min=0.6, scale_max=1.2, shift=0.05)


@pytest.fixture(scope="module")
def frames(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> FrameSet:
    info = prepare_run(
        tmp_path_factory.mktemp("batches") / "run", phantoms, held_out="phantom-c", structures=("NT",),
        preprocess=Preprocess(), recipe=read_recipe(None, {}),
    )  # fmt: skip
    source = read_run_frames(info, None)
    return frame_set(source, source.split.train)


@pytest.fixture
def recipe() -> TrainRecipe:
    return read_recipe(None, {"batch_size": 5})


def _drawn(count: int, settings: Augmentation, seed: int) -> Draws:
    return draw(count, settings, torch.Generator().manual_seed(seed))


def test_a_step_always_gives_the_same_batch_and_another_step_another(frames: FrameSet, recipe: TrainRecipe) -> None:
    first, first_masks = training_batch(frames, recipe, 1, 3)
    again, again_masks = training_batch(frames, recipe, 1, 3)
    assert torch.equal(first, again)
    assert torch.equal(first_masks, again_masks)
    assert not torch.equal(first, training_batch(frames, recipe, 1, 4)[0])
    assert not torch.equal(first, training_batch(frames, recipe, 2, 3)[0])


def test_every_frame_comes_once_before_any_comes_again(frames: FrameSet) -> None:
    count = len(frames.indices)
    recipe = read_recipe(None, {"batch_size": 2})
    still = TrainRecipe(**{**recipe.__dict__, "augmentation": STILL})
    sums = torch.cat([training_batch(frames, still, 1, step)[0].sum((1, 2, 3)) for step in range(count // 2)])
    assert len({round(float(value), 1) for value in sums}) == count


def test_masks_cover_the_box_and_nothing_else(frames: FrameSet) -> None:
    _, masks = frames_and_masks(frames, np.array([0]), 0)
    rows, columns = frames.rois[0][0].slices(192, 256)
    inside = torch.zeros(192, 256)
    inside[rows, columns] = 1
    assert torch.equal(masks[0, 0], inside)


def test_dilation_grows_the_mask_by_that_many_pixels(frames: FrameSet) -> None:
    _, tight = frames_and_masks(frames, np.array([0]), 0)
    _, wide = frames_and_masks(frames, np.array([0]), 2)
    heights = [int(mask[0, 0].any(1).sum()) for mask in (tight, wide)]
    assert heights[1] - heights[0] == 4


def test_no_augmentation_changes_nothing(frames: FrameSet) -> None:
    images, masks = frames_and_masks(frames, np.array([0, 1]), 0)
    moved, moved_masks = augment(images, masks, _drawn(2, STILL, 0))
    torch.testing.assert_close(moved, images, atol=2e-4, rtol=0)
    assert torch.equal(moved_masks, masks)


def test_frames_and_masks_move_together(frames: FrameSet) -> None:
    _, masks = frames_and_masks(frames, np.arange(6), 0)
    # The mask as a picture: wherever it goes, the mask must be there.
    pictures, moved_masks = augment(masks, masks, _drawn(6, MOVING, 1))
    assert not torch.equal(moved_masks, masks)
    assert ((pictures > 0.5).float() - moved_masks).abs().mean() < 1e-3


def test_brightness_leaves_the_range_and_the_mask_alone(frames: FrameSet) -> None:
    images, masks = frames_and_masks(frames, np.arange(4), 0)
    bright = replace(STILL, gain=0.5, gamma=0.5, time_gain=0.3)
    changed, same = augment(images, masks, _drawn(4, bright, 0))
    assert torch.equal(same, masks)
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not torch.allclose(changed, images, atol=0.02)


def test_time_gain_brightens_one_end_of_the_depth_and_darkens_the_other() -> None:
    grey = torch.full((8, 1, 192, 256), 0.4)
    changed, _ = augment(grey, grey, _drawn(8, replace(STILL, time_gain=0.5), 0))
    top, bottom = changed[:, 0, 0, 0], changed[:, 0, -1, 0]
    torch.testing.assert_close(top * bottom, torch.full((8,), 0.16))
    assert len({round(float(value), 4) for value in top}) == 8


def test_a_smaller_picture_goes_anywhere_it_fits_and_is_never_cut() -> None:
    white = torch.ones(64, 1, 192, 256)
    small = replace(STILL, scale_min=0.6, scale_max=0.6)
    changed, _ = augment(white, white, _drawn(64, small, 0))
    areas = changed.mean((1, 2, 3))
    torch.testing.assert_close(areas, torch.full((64,), 0.36), atol=0.006, rtol=0)
    assert float(changed.mean((0, 1)).gt(0).float().mean()) > 0.95


def test_one_frame_with_its_own_draws_is_that_frame_of_the_batch(frames: FrameSet) -> None:
    images, masks = frames_and_masks(frames, np.arange(4), 1)
    draws = _drawn(4, read_recipe(None, {}).augmentation, 2)
    whole, whole_masks = augment(images, masks, draws)
    for at in (slice(0, 1), slice(3, 4)):
        alone, alone_masks = augment(images[at], masks[at], draws[at])
        torch.testing.assert_close(alone, whole[at])
        assert torch.equal(alone_masks, whole_masks[at])


def test_each_structure_counts_the_same_however_large_it_is(phantoms: Path, tmp_path: Path) -> None:
    info = prepare_run(
        tmp_path / "run", phantoms, held_out="phantom-c", structures=("NT", "nasal bone"), preprocess=Preprocess(),
        recipe=read_recipe(None, {}),
    )  # fmt: skip
    source = read_run_frames(info, None)
    both = frame_set(source, source.split.train)
    images, masks = frames_and_masks(both, np.arange(4), 2)
    candidate = torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    errors = (candidate - images).abs()
    expected = []
    for pick in range(4):
        assert {roi.structure for roi in both.rois[pick]} == {"NT", "nasal bone"}
        each = [errors[pick, 0][torch.from_numpy(roi.mask(192, 256, 2))].mean() for roi in both.rois[pick]]
        expected.append(torch.stack(each).mean())
    torch.testing.assert_close(roi_l1(candidate, images, masks), torch.stack(expected).mean())


def test_every_region_of_a_structure_trains_and_the_first_is_measured(phantoms: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(phantoms, tmp_path / "own", ignore=shutil.ignore_patterns(".*")))
    lines = (data / "boxes.csv").read_text().splitlines()
    of_first = next(line for line in lines if line.startswith("images/phantom-a-0001.png,NT,"))
    cells = of_first.split(",")
    lines.append(",".join([*cells[:2], "10", "20", "30", "60", ""]))
    (data / "boxes.csv").write_text("\n".join(lines) + "\n")
    info = prepare_run(
        tmp_path / "run", data, held_out="phantom-c", structures=("NT",), preprocess=Preprocess(),
        recipe=read_recipe(None, {}),
    )  # fmt: skip
    source = read_run_frames(info, None)
    rows = tuple(row for row in source.split.train if row.file == "images/phantom-a-0001.png")
    first, second = frame_set(source, rows).rois[0]
    assert network_rois(source, rows) == ((first,),)
    mask = frames_and_masks(frame_set(source, rows), np.arange(1), 0)[1][0, 0].numpy() > 0
    np.testing.assert_array_equal(mask, first.mask(192, 256) | second.mask(192, 256))
