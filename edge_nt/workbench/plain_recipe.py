"""The plain recipe: what a user would write first. A torch Dataset that decodes, letterboxes and augments one image
at a time, and pytorch-msssim; the frames, picks and random draws are those of our own training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import pytorch_msssim
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import letterbox, to_unit_range
from edge_nt.training.augment import augment
from edge_nt.training.batches import FrameSet, batch_draws, batch_picks, term_masks
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.run_frames import RunFrames

STAGE = 1
Batches = Iterator[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class PlainItem:
    """One place of the batch of one step, and the position in the training set of the frame that stands there."""

    step: int
    place: int
    pick: int


@dataclass(frozen=True)
class PlainImages(Dataset[tuple[Tensor, Tensor]]):
    """Items of the training run: frame (1, H, W) and masks (2, H, W) of each, read from its image file."""

    source: RunFrames
    frames: FrameSet
    recipe: TrainRecipe

    def __getitem__(self, item: PlainItem) -> tuple[Tensor, Tensor]:
        row = self.source.dataset.rows[self.frames.indices[item.pick]]
        pixels = letterbox(decode_image(self.source.dataset.path(row)).pixels, self.source.info.preprocess)
        frame = torch.from_numpy(to_unit_range(pixels[None]))
        mask = term_masks(self.frames, np.array([item.pick]), self.recipe)
        draws = batch_draws(self.recipe, STAGE, item.step)[item.place : item.place + 1]
        moved, moved_mask = augment(frame, mask, draws)
        return moved[0], moved_mask[0]


def plain_batches(images: PlainImages, steps: Sequence[int], workers: int) -> Batches:
    """The batches of `steps`, as `training_batch` gives them, from a DataLoader with that many worker processes."""
    items = [
        PlainItem(step, place, int(pick))
        for step in steps
        for place, pick in enumerate(batch_picks(images.frames, images.recipe, STAGE, step))
    ]
    # Not forked from here: a process with an engine's threads in it does not survive its own copy (seen: OpenVINO).
    context = get_context("forkserver") if workers else None
    if context is not None:
        context.set_forkserver_preload([__name__])
    size = images.recipe.batch_size
    return iter(DataLoader(images, size, sampler=items, num_workers=workers, multiprocessing_context=context))


def plain_ms_ssim(candidate: Tensor, reference: Tensor) -> Tensor:
    """pytorch-msssim's MS-SSIM at its defaults for images in [0, 1]."""
    value: Tensor = pytorch_msssim.ms_ssim(candidate, reference, data_range=1.0)
    return value
