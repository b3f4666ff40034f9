"""One stage of training: the loss, the schedule and the step loop, on one screen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edge_nt.losses.gradient_weights import calibrated_weights, gradient_norms
from edge_nt.losses.ms_ssim import ms_ssim
from edge_nt.losses.roi import roi_edge_l1, roi_l1
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.training.batches import FrameSet, frames_and_masks, training_batch
from edge_nt.training.checkpoint import Progress, load_resume_point, save_resume_point
from edge_nt.training.optimizer import Optimizers, make_optimizers
from edge_nt.training.recipe import EQUAL, ROI_EDGE, ROI_L1, TrainRecipe
from edge_nt.training.run_log import RunLog

LOG_EVERY_STEPS = 50
# Stage 1's only term, and the one that stage 2's weights are calibrated to.
MS_SSIM = "ms_ssim"
_ROI_LOSSES = {ROI_L1: roi_l1, ROI_EDGE: roi_edge_l1}


@dataclass(frozen=True)
class StageSetting:
    """What a stage runs on; `stage` is 1 or 2, `precision` ``float32`` or ``bfloat16``."""

    stage: int
    run: Path
    recipe: TrainRecipe
    train: FrameSet
    val: FrameSet
    device: torch.device
    precision: str
    on_step: Callable[[int, int, float], None]
    should_stop: Callable[[], bool]

    @property
    def name(self) -> str:
        """``stage1`` or ``stage2``, as files are named."""
        return f"stage{self.stage}"

    @property
    def steps(self) -> int:
        """Optimiser steps of this stage."""
        return self.recipe.stage1_steps if self.stage == 1 else self.recipe.stage2_steps

    @property
    def roi_terms(self) -> tuple[str, ...]:
        """The terms of this stage's loss inside the ROI; none in stage 1, and in a stage 2 that continues it."""
        return () if self.stage == 1 else self.recipe.stage2_terms


class TrainingStoppedError(Exception):
    """Someone asked training to stop; the resume point is written."""


def train_stage(setting: StageSetting, model: AutoEncoder, log: RunLog, start: Progress | None) -> dict[str, Any]:
    """Train `model` in place through the steps of a stage, from `start` where given; returns the facts to record.

    Raises: TrainingStoppedError after writing the resume point, when `setting.should_stop` says so.
    """
    optimizers = make_optimizers(model, setting.recipe.weight_decay)
    progress = start or Progress(setting.name, 0, _stage_weights(setting, model, log))
    if start is not None:
        load_resume_point(setting.run, model, optimizers)
    for step in range(progress.step, setting.steps):
        loss = _train_step(setting, model, optimizers, progress.weights, step)
        done = Progress(setting.name, step + 1, progress.weights)
        if done.step % LOG_EVERY_STEPS == 0:
            log.write({"event": "step", "stage": setting.stage, "step": done.step, "loss": round(loss, 6)})
        setting.on_step(setting.stage, done.step, loss)
        if done.step % setting.recipe.validate_every == 0 or done.step == setting.steps:
            log.write({"event": "validate", "stage": setting.stage, "step": done.step, **validate(setting, model)})
        stopping = setting.should_stop()
        if stopping or done.step % setting.recipe.checkpoint_every == 0:
            save_resume_point(setting.run, model, optimizers, done)
        if stopping:
            raise TrainingStoppedError
    return {"steps": setting.steps, "loss_weights": dict(progress.weights), "validation": validate(setting, model)}


def loss_terms(setting: StageSetting, model: AutoEncoder, frames: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """The terms of the stage's loss for one batch (N, 1, H, W): MS-SSIM, and in stage 2 those inside the ROI."""
    half = setting.precision == "bfloat16"
    with torch.autocast(setting.device.type, torch.bfloat16, enabled=half):
        candidate = model(channels_last(frames))
    return terms_of(setting.roi_terms, candidate.float(), frames, masks)


def terms_of(roi_terms: tuple[str, ...], candidate: Tensor, frames: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """MS-SSIM and the `roi_terms` of a loss for reconstructions `candidate` of frames, both (N, 1, H, W)."""
    inside = {name: _ROI_LOSSES[name](candidate, frames, masks) for name in roi_terms}
    return {MS_SSIM: 1 - ms_ssim(candidate, frames), **inside}


def channels_last(frames: Tensor) -> Tensor:
    """The same frames (N, 1, H, W) with the strides of channels-last.

    With one channel the two layouts are the same memory, and torch takes the doubtful case for channels-first: then
    the first convolution's output, and all that meets it, is channels-first among channels-last neighbours.
    """
    return frames[:, 0, :, :, None].permute(0, 3, 1, 2)


def learning_rate(setting: StageSetting, step: int) -> float:
    """Linear warm-up, then cosine to a hundredth of the peak; a pure function of the step, so that runs resume."""
    recipe = setting.recipe
    peak = recipe.stage1_learning_rate if setting.stage == 1 else recipe.stage2_learning_rate
    warmup = min(recipe.warmup_steps, setting.steps // 2)
    if step < warmup:
        return peak * (step + 1) / warmup
    share = (step - warmup) / max(1, setting.steps - warmup)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


@torch.no_grad()
def validate(setting: StageSetting, model: AutoEncoder) -> dict[str, float]:
    """MS-SSIM, ROI L1 and ROI edge L1 on source validation frames, without augmentation; means over batches."""
    model.eval()
    count = len(setting.val.indices)
    sums = {MS_SSIM: 0.0, ROI_L1: 0.0, ROI_EDGE: 0.0}
    for first in range(0, count, setting.recipe.batch_size):
        picks = torch.arange(first, min(first + setting.recipe.batch_size, count)).numpy()
        frames, masks = (part.to(setting.device) for part in frames_and_masks(setting.val, picks, 0))
        candidate = model(channels_last(frames))
        sums[MS_SSIM] += float(ms_ssim(candidate, frames)) * len(picks)
        sums[ROI_L1] += float(roi_l1(candidate, frames, masks)) * len(picks)
        sums[ROI_EDGE] += float(roi_edge_l1(candidate, frames, masks)) * len(picks)
    return {name: round(total / count, 6) for name, total in sums.items()}


def _train_step(
    setting: StageSetting, model: AutoEncoder, optimizers: Optimizers, weights: Mapping[str, float], step: int
) -> float:
    model.train()
    frames, masks = _batch(setting, step)
    optimizers.set_rate(learning_rate(setting, step))
    terms = loss_terms(setting, model, frames, masks)
    loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    optimizers.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizers.step()
    return float(loss.detach())


def _stage_weights(setting: StageSetting, model: AutoEncoder, log: RunLog) -> dict[str, float]:
    if not setting.roi_terms:
        return {MS_SSIM: 1.0}
    # Evaluation mode: measuring must not move the batch statistics.
    model.eval()
    parameters = list(model.parameters())
    norms = []
    for step in range(setting.recipe.calibration_batches):
        norms.append(gradient_norms(loss_terms(setting, model, *_batch(setting, step)), parameters))
    equal = setting.recipe.stage2_weighting == EQUAL
    weights = dict.fromkeys(norms[0], 1.0) if equal else calibrated_weights(norms, MS_SSIM)
    log.write({"event": "calibrate", "stage": 2, "step": 0, "gradient_norms": norms, "weights": weights})
    return weights


def _batch(setting: StageSetting, step: int) -> tuple[Tensor, Tensor]:
    frames, masks = training_batch(setting.train, setting.recipe, setting.stage, step)
    return frames.to(setting.device), masks.to(setting.device)
