"""Ways to train one model on the same batches, from the plain recipe to ours, each a trainer of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from edge_nt.losses.ms_ssim import ms_ssim
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.training.batches import FrameSet, training_batch
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.run_frames import RunFrames
from edge_nt.training.stage import StageSetting, channels_last, learning_rate
from edge_nt.workbench.plain_recipe import STAGE, Batches, PlainImages, plain_batches, plain_ms_ssim


@dataclass(frozen=True)
class Way:
    """How a step is done. `workers` of a DataLoader read image files; None takes the memory-mapped cache.

    `native` is the hardware's training layout: channels-last, and bf16 autocast where `precision` says so.
    """

    name: str
    seed: int
    workers: int | None
    our_ms_ssim: bool
    native: bool
    fused_optimizer: bool
    precision: str


def ladder(seed: int, workers: int, precision: str) -> tuple[Way, ...]:
    """Plain without and with workers (the second with another seed), then one change after another until ours."""
    plain = Way("plain", seed, 0, False, False, False, precision)
    cached = replace(plain, name="+ cache, whole-batch augmentation", workers=None, our_ms_ssim=True)
    native = replace(cached, name=f"+ {precision}, channels-last", native=True)
    return (
        plain,
        replace(plain, name=f"plain, {workers} workers, another seed", seed=seed + 1, workers=workers),
        replace(plain, name="+ our MS-SSIM", our_ms_ssim=True),
        cached,
        native,
        replace(native, name="ours: + fused AdamW", fused_optimizer=True),
    )


class Trainer:
    """One model trained in one way through stage 1."""

    def __init__(self, way: Way, source: RunFrames, train: FrameSet, recipe: TrainRecipe, device: torch.device) -> None:
        self.way = way
        self.recipe = replace(recipe, seed=way.seed)
        self._images = PlainImages(source, train, self.recipe)
        self._setting = StageSetting(
            stage=STAGE, run=Path(), recipe=self.recipe, train=train, val=train, device=device,
            on_step=lambda _stage, _step, _loss: None, should_stop=lambda: False,
        )  # fmt: skip
        torch.manual_seed(way.seed)
        preprocess = source.info.preprocess
        self.model = AutoEncoder(preprocess.height, preprocess.width).to(device).train()
        if way.native:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # AdamW throughout: the ladder compares speed at the same arithmetic, and Muon is another arithmetic.
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), weight_decay=recipe.weight_decay, fused=way.fused_optimizer
        )

    def batches(self, steps: Sequence[int], stage: int = STAGE) -> Batches:
        """Frames (N, 1, H, W) and masks (N, 2, H, W) of each of `steps`, on the device."""
        if self.way.workers is None:
            made: Batches = (training_batch(self._setting.train, self.recipe, stage, step) for step in steps)
        else:
            made = plain_batches(self._images, steps, self.way.workers)
        device = self._setting.device
        return ((frames.to(device), masks.to(device)) for frames, masks in made)

    def forward(self, frames: Tensor) -> Tensor:
        """Reconstructions float32 (N, 1, H, W)."""
        half = self.way.native and self.way.precision == "bfloat16"
        with torch.autocast(frames.device.type, torch.bfloat16, enabled=half):
            candidate: Tensor = self.model(channels_last(frames) if self.way.native else frames)
        return candidate.float()

    def loss(self, candidate: Tensor, frames: Tensor) -> Tensor:
        """1 − MS-SSIM by this way's implementation."""
        return 1 - (ms_ssim if self.way.our_ms_ssim else plain_ms_ssim)(candidate, frames)

    def set_rate(self, step: int) -> None:
        """Give the optimiser the learning rate of `step`."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self._setting, step)

    def step(self, frames: Tensor, step: int) -> float:
        """One optimiser step; returns its loss."""
        self.set_rate(step)
        loss = self.loss(self.forward(frames), frames)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return float(loss.detach())
