"""One stage of training: the loss, the schedule and the step loop, on one screen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edge_nt.errors import InputError
from edge_nt.losses.gradient_weights import calibrated_weights, gradient_norms
from edge_nt.losses.ms_ssim import ms_ssim
from edge_nt.losses.roi import count_with_roi, roi_edge_l1, roi_l1
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.training.batch_stream import Batch, batch_stream
from edge_nt.training.batches import FrameSet, frames_and_masks, mask_of, training_batch
from edge_nt.training.checkpoint import Progress, load_resume_point, save_resume_point
from edge_nt.training.fleet import Fleet
from edge_nt.training.optimizer import Optimizers, make_optimizers
from edge_nt.training.recipe import EQUAL, ROI_EDGE, ROI_L1, ROI_TERMS, STEP_GRADIENTS, TrainRecipe
from edge_nt.training.run_log import RunLog
from edge_nt.training.software import NOT_RECORDED, and_this_trainer
from edge_nt.training.waiting import Waiting

LOG_EVERY_STEPS = 50
# Stage 1's only term, and the one that stage 2's weights are calibrated to.
MS_SSIM = "ms_ssim"
_ROI_LOSSES = {ROI_L1: roi_l1, ROI_EDGE: roi_edge_l1}


@dataclass(frozen=True)
class StageSetting:
    """What a stage runs on; `stage` is 1 or 2."""

    stage: int
    run: Path
    recipe: TrainRecipe
    train: FrameSet
    val: FrameSet
    device: torch.device
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
    def peak_rate(self) -> float:
        """The highest learning rate of this stage."""
        return self.recipe.stage1_learning_rate if self.stage == 1 else self.recipe.stage2_learning_rate

    @property
    def roi_terms(self) -> tuple[str, ...]:
        """The terms of this stage's loss inside the ROI; none in stage 1, and in a stage 2 that continues it."""
        return () if self.stage == 1 else self.recipe.stage2_terms


class TrainingStoppedError(Exception):
    """Someone asked training to stop; the resume point is written."""


@dataclass(frozen=True)
class _Work:
    """What the steps of a stage work on; `joined` is `model` as all processes train it together."""

    setting: StageSetting
    fleet: Fleet
    model: AutoEncoder
    joined: nn.Module
    optimizers: Optimizers

    def batch(self, step: int) -> Batch:
        """This process's part of the batch of `step`, in main memory."""
        setting = self.setting
        part = self.fleet.part(setting.recipe.batch_size)
        return training_batch(setting.train, setting.recipe, setting.stage, step, part)


def train_stage(
    setting: StageSetting, fleet: Fleet, model: AutoEncoder, log: RunLog, start: Progress | None, *, waiting: Waiting
) -> dict[str, Any]:
    """Train `model` in place through the steps of a stage, from `start` where given.

    Returns the facts to record; how long the steps waited for their batches is added to `waiting`.
    Raises: TrainingStoppedError after writing the resume point, when `setting.should_stop` of any process says so;
    InputError once the loss, or a weight that would be saved, is NaN or infinite; the last resume point stays.
    """
    joined = fleet.joined(model)
    work = _Work(setting, fleet, model, joined, make_optimizers(model, setting.recipe))
    progress = start or Progress(setting.name, 0, _stage_weights(work, log))
    trainers = and_this_trainer(progress.trainers if start is None else progress.trainers or (NOT_RECORDED,))
    if start is not None:
        load_resume_point(setting.run, model, work.optimizers)
    for step, batch in batch_stream(work.batch, progress.step, setting.steps, fleet.device, waiting):
        loss = _train_step(work, progress.weights, step, batch)
        waiting.stepped()
        done = Progress(setting.name, step + 1, progress.weights, trainers)
        _refuse_diverged(setting, done.step, "loss", loss)
        if done.step % LOG_EVERY_STEPS == 0:
            log.write({"event": "step", "stage": setting.stage, "step": done.step, "loss": round(loss, 6)})
        setting.on_step(setting.stage, done.step, loss)
        if done.step % setting.recipe.validate_every == 0 or done.step == setting.steps:
            log.write({"event": "validate", "stage": setting.stage, "step": done.step, **_validate(work)})
        stopping = fleet.any(setting.should_stop())
        saving = stopping or done.step % setting.recipe.checkpoint_every == 0
        if saving or done.step == setting.steps:
            _refuse_diverged(setting, done.step, "sum of all weights", _sum_of_weights(model))
        if fleet.leads and saving:
            save_resume_point(setting.run, model, work.optimizers, done)
        if stopping:
            fleet.meet()  # Nobody leaves before the resume point is written.
            raise TrainingStoppedError
    weights = dict(progress.weights)
    return {"steps": setting.steps, "loss_weights": weights, "validation": _validate(work), "trainers": list(trainers)}


def loss_terms(setting: StageSetting, fleet: Fleet, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """The terms of the stage's loss for this process's part of a batch: what it adds to those of the whole batch."""
    frames, masks = batch
    with fleet.precision():
        candidate = model(channels_last(frames))
    counts = fleet.sum(torch.stack([count_with_roi(mask_of(masks, term)) for term in ROI_TERMS]))
    terms = terms_of(setting.roi_terms, candidate.float(), frames, masks, counts)
    return {**terms, MS_SSIM: terms[MS_SSIM] * (len(frames) / setting.recipe.batch_size)}


def terms_of(
    roi_terms: tuple[str, ...], candidate: Tensor, frames: Tensor, masks: Tensor, counts: Tensor | None = None
) -> dict[str, Tensor]:
    """MS-SSIM and the `roi_terms` of a loss for reconstructions `candidate` of frames, both (N, 1, H, W).

    `masks` (N, 2, H, W) are those of `term_masks`. So many frames of the whole batch have a region of either term as
    `counts` (2,) says, where these are a part of it.
    """
    count: dict[str, Tensor | None] = dict.fromkeys(ROI_TERMS)
    if counts is not None:
        count.update(zip(ROI_TERMS, counts, strict=True))
    inside = {name: _ROI_LOSSES[name](candidate, frames, mask_of(masks, name), count[name]) for name in roi_terms}
    return {MS_SSIM: 1 - ms_ssim(candidate, frames), **inside}


def channels_last(frames: Tensor) -> Tensor:
    """The same frames (N, 1, H, W) with the strides of channels-last.

    With one channel the two layouts are the same memory, and torch takes the doubtful case for channels-first: then
    the first convolution's output, and all that meets it, is channels-first among channels-last neighbours.
    """
    return frames[:, 0, :, :, None].permute(0, 3, 1, 2)


def learning_rate(setting: StageSetting, step: int) -> float:
    """Linear warm-up, then cosine to a hundredth of the peak; a pure function of the step, so that runs resume."""
    warmup = min(setting.recipe.warmup_steps, setting.steps // 2)
    if step < warmup:
        return setting.peak_rate * (step + 1) / warmup
    share = (step - warmup) / max(1, setting.steps - warmup)
    return setting.peak_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


@torch.no_grad()
def _validate(work: _Work) -> dict[str, float]:
    """MS-SSIM, ROI L1 and ROI edge L1 on source validation frames, without augmentation.

    Means over the frames, those of the ROI over the frames that have one (0 where none has). Processes take the
    batches in turn.
    """
    setting, fleet, model = work.setting, work.fleet, work.model.eval()
    count, size = len(setting.val.indices), setting.recipe.batch_size
    sums, counts = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for first in range(fleet.rank * size, count, fleet.size * size):
        picks = torch.arange(first, min(first + size, count)).numpy()
        frames, masks = (part.to(fleet.device) for part in frames_and_masks(setting.val, picks, 0))
        candidate = model(channels_last(frames))
        figures = ms_ssim(candidate, frames), roi_l1(candidate, frames, masks), roi_edge_l1(candidate, frames, masks)
        with_roi = int(count_with_roi(masks))
        averaged = torch.tensor([len(picks), with_roi, with_roi], dtype=torch.float64)
        sums += torch.stack(figures).cpu().double() * averaged
        counts += averaged
    means = fleet.sum(sums.to(fleet.device)) / fleet.sum(counts.to(fleet.device)).clamp(min=1)
    return {name: round(mean, 6) for name, mean in zip((MS_SSIM, ROI_L1, ROI_EDGE), means.tolist(), strict=True)}


def _train_step(work: _Work, weights: Mapping[str, float], step: int, batch: Batch) -> float:
    work.joined.train()
    work.optimizers.set_rate(learning_rate(work.setting, step))
    terms = loss_terms(work.setting, work.fleet, work.joined, batch)
    loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    work.optimizers.zero_grad()
    work.fleet.backward(loss)
    work.optimizers.step()
    return float(work.fleet.sum(loss))


def _refuse_diverged(setting: StageSetting, step: int, what: str, value: float) -> None:
    if not math.isfinite(value):
        raise InputError(
            expected=f"a finite {what}",
            got=f"{value} in step {step} of {setting.name}",
            fix=f"train anew with a lower {setting.name}_learning_rate than {setting.peak_rate:g} in the recipe",
        )


def _sum_of_weights(model: nn.Module) -> float:
    """Not finite where any weight or statistic is not, in float64, in which no sum of finite ones overflows."""
    return float(sum(tensor.double().abs().sum() for tensor in model.state_dict().values()))


def _stage_weights(work: _Work, log: RunLog) -> dict[str, float]:
    setting, fleet = work.setting, work.fleet
    if not setting.roi_terms:
        return {MS_SSIM: 1.0}
    # Steps have the batch's own statistics in BatchNorm. Measuring must not note those (docs/training.md).
    model = work.model.train(setting.recipe.stage2_weighting == STEP_GRADIENTS)
    noted = [(buffer, buffer.clone()) for buffer in model.buffers()]
    parameters = list(model.parameters())
    norms = []
    for step in range(setting.recipe.calibration_batches):
        frames, masks = work.batch(step)
        terms = loss_terms(setting, fleet, model, (frames.to(fleet.device), masks.to(fleet.device)))
        norms.append(gradient_norms(terms, parameters, fleet.sum))
        if not math.isfinite(sum(norms[-1].values())):
            raise InputError(
                expected="finite gradient norms before the first step of stage 2",
                got=", ".join(f"{name} {norm:g}" for name, norm in norms[-1].items()),
                fix="train stage 1 anew, with a lower stage1_learning_rate in the recipe or --precision float32",
            )
    for buffer, before in noted:
        buffer.copy_(before)
    recipe = setting.recipe
    if recipe.stage2_weighting == EQUAL:
        weights = dict.fromkeys(norms[0], 1.0)
    else:
        weights = calibrated_weights(norms, MS_SSIM, recipe.stage2_roi_pull)
    log.write({"event": "calibrate", "stage": 2, "step": 0, "gradient_norms": norms, "weights": weights})
    return weights
