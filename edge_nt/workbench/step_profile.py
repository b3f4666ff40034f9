"""Where the time of a training step goes, by part."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from time import perf_counter

import numpy as np
import torch

from edge_nt.losses.roi import roi_edge_l1, roi_l1
from edge_nt.training.batches import mask_of
from edge_nt.training.recipe import ROI_EDGE, ROI_L1
from edge_nt.workbench.plain_recipe import Batches
from edge_nt.workbench.training_speed_result import ProfilePart, StepProfile
from edge_nt.workbench.training_way import Trainer

OPTIMIZER = "optimiser"
PARTS = (
    "data and augmentation", "forward", "MS-SSIM", "ROI terms", "MS-SSIM backward", "ROI terms backward",
    "model backward", OPTIMIZER,
)  # fmt: skip


def profile_steps(trainer: Trainer, stage: int, steps: Sequence[int], warmup: int) -> StepProfile:
    """Train `trainer` through `steps`, the first `warmup` of them uncounted, reading the clock between the parts.

    The gradient of the loss terms is taken up to the reconstruction and then handed on through the model, which is
    the sum that one backward pass would compute.
    """
    batches = trainer.batches(steps, stage)
    taken_s = np.array([_one_step(trainer, batches, stage, step) for step in steps][warmup:])
    medians_ms = np.median(taken_s, axis=0) * 1e3
    parts = [
        ProfilePart(name, float(value), float(value / medians_ms.sum()))
        for name, value in zip(PARTS, medians_ms, strict=True)
        if stage == 2 or not name.startswith("ROI")
    ]
    return StepProfile(trainer.way.name, stage, len(taken_s), tuple(parts))


def _one_step(trainer: Trainer, batches: Batches, stage: int, step: int) -> list[float]:
    """Seconds of each of PARTS."""
    marks = [perf_counter()]

    def tick() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        marks.append(perf_counter())

    frames, masks = next(batches)
    trainer.set_rate(step)
    tick()
    candidate = trainer.forward(frames)
    tick()
    similarity = trainer.loss(candidate, frames)
    tick()
    wide, tight = mask_of(masks, ROI_L1), mask_of(masks, ROI_EDGE)
    roi = (roi_l1(candidate, frames, wide) + roi_edge_l1(candidate, frames, tight)) if stage == 2 else None
    tick()
    (gradient,) = torch.autograd.grad(similarity, candidate, retain_graph=True)
    tick()
    if roi is not None:
        gradient = gradient + torch.autograd.grad(roi, candidate, retain_graph=True)[0]
    tick()
    trainer.optimizer.zero_grad(set_to_none=True)
    candidate.backward(gradient)  # type: ignore[no-untyped-call]
    tick()
    trainer.optimizer.step()
    tick()
    return [after - before for before, after in pairwise(marks)]
