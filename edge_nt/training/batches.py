"""Batches for a given step: which frames, augmented how. A pure function of seed, stage and step, so runs resume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_nt.datasets.dataset import Row
from edge_nt.imaging.roi import Roi, roi_weights
from edge_nt.training.augment import Draws, augment, draw
from edge_nt.training.recipe import ROI_EDGE, ROI_L1, ROI_TERMS, TrainRecipe
from edge_nt.training.run_frames import RunFrames, network_rois


@dataclass(frozen=True)
class FrameSet:
    """Cached frames uint8 (rows, H, W), the rows used, and each one's ROIs in network pixels (maybe none)."""

    frames: NDArray[np.uint8]
    indices: NDArray[np.int64]
    rois: tuple[tuple[Roi, ...], ...]


def frame_set(source: RunFrames, rows: tuple[Row, ...]) -> FrameSet:
    """The frames of `rows` with every region of the run's structures. Raises: InputError, as `network_rois` does."""
    position = {row.file: index for index, row in enumerate(source.dataset.rows)}
    indices = np.array([position[row.file] for row in rows], np.int64)
    return FrameSet(source.cached.frames, indices, network_rois(source, rows, every=True))


def frames_and_masks(frame_set: FrameSet, picks: NDArray[np.int64], dilation_px: int) -> tuple[Tensor, Tensor]:
    """Frames (N, 1, H, W) in [0, 1] and ROI masks as `roi_masks` makes them, for positions `picks` of the set."""
    return unit_frames(frame_set, picks), roi_masks(frame_set, picks, dilation_px)


def unit_frames(frame_set: FrameSet, picks: NDArray[np.int64]) -> Tensor:
    """Frames (N, 1, H, W) in [0, 1] for positions `picks` of the set."""
    return torch.from_numpy(frame_set.frames[frame_set.indices[picks]]).unsqueeze(1).float() / 255


def roi_masks(frame_set: FrameSet, picks: NDArray[np.int64], dilation_px: int) -> Tensor:
    """ROI masks (N, 1, H, W) for positions `picks`: 0 outside the regions grown by `dilation_px` to each side.

    Inside one structure's regions they are 1; of several, `roi_weights` makes each count the same.
    """
    height, width = frame_set.frames.shape[-2:]
    masks = [roi_weights(frame_set.rois[pick], height, width, dilation_px) for pick in picks]
    return torch.from_numpy(np.stack(masks)).unsqueeze(1)


def training_batch(
    frame_set: FrameSet, recipe: TrainRecipe, stage: int, step: int, part: slice = slice(None)
) -> tuple[Tensor, Tensor]:
    """The augmented batch of `step` (from 0) in `stage`: every frame once before any comes again, in seeded order.

    `part` of it alone is what these frames are in the whole batch. Masks are as `term_masks` makes them.
    """
    picks = batch_picks(frame_set, recipe, stage, step)[part]
    frames, masks = unit_frames(frame_set, picks), term_masks(frame_set, picks, recipe)
    return augment(frames, masks, batch_draws(recipe, stage, step)[part])


def mask_of(masks: Tensor, term: str) -> Tensor:
    """The mask (N, 1, H, W) of one of ROI_TERMS among those that `term_masks` makes."""
    at = ROI_TERMS.index(term)
    return masks[:, at : at + 1]


def term_masks(frame_set: FrameSet, picks: NDArray[np.int64], recipe: TrainRecipe) -> Tensor:
    """Masks (N, 2, H, W) as of `roi_masks`, each term's region grown by its own dilation: in the order of ROI_TERMS."""
    dilations = {ROI_L1: recipe.roi_l1_dilation_px, ROI_EDGE: recipe.roi_dilation_px}
    return torch.cat([roi_masks(frame_set, picks, dilations[term]) for term in ROI_TERMS], 1)


def batch_picks(frame_set: FrameSet, recipe: TrainRecipe, stage: int, step: int) -> NDArray[np.int64]:
    """The positions in the set that make up the batch of `step`."""
    count = len(frame_set.indices)
    first = step * recipe.batch_size
    return np.array(
        [
            _epoch_order(recipe.seed, stage, at // count, count)[at % count]
            for at in range(first, first + recipe.batch_size)
        ]
    )


def batch_draws(recipe: TrainRecipe, stage: int, step: int) -> Draws:
    """What chance decides for the batch of `step`."""
    generator = torch.Generator().manual_seed(_seed(recipe.seed, stage, 1, step))
    return draw(recipe.batch_size, recipe.augmentation, generator)


def _epoch_order(seed: int, stage: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng(_seed(seed, stage, 0, epoch)).permutation(count)


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
