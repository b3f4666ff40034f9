"""Quantisation-aware fine-tuning: stage 2 goes on for some steps while every value is rounded as INT8 will round it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from edge_nt.bundle.manifest import Target
from edge_nt.errors import InputError
from edge_nt.export.fake_quant import FakeQuantGraph, trained_graph, trained_ranges
from edge_nt.export.int8_graph import int8_graphs
from edge_nt.export.onnx_graph import Graphs
from edge_nt.export.qat_recipe import QatRecipe
from edge_nt.export.ranges import Ranges
from edge_nt.export.recipe import Int8Recipe
from edge_nt.losses.roi import roi_l1
from edge_nt.training.batches import frame_set, mask_of, training_batch
from edge_nt.training.checkpoint import read_facts
from edge_nt.training.device import pick_device
from edge_nt.training.recipe import ROI_EDGE
from edge_nt.training.run_frames import RunFrames
from edge_nt.training.stage import StageSetting, channels_last, learning_rate, terms_of

# Batches of its own: what a batch holds follows from the run's seed, a stage and a step.
_BATCH_STAGE = 3


class Rounded(torch.nn.Module):
    """Frames (N, 1, H, W) → reconstructions alike, with the weights of `exact` and the pairs of `rounded` graphs."""

    def __init__(self, exact: Graphs, rounded: Graphs) -> None:
        super().__init__()
        self.encoder = FakeQuantGraph(exact.encoder, rounded.encoder)
        self.decoder = FakeQuantGraph(exact.decoder, rounded.decoder)

    def forward(self, frames: Tensor) -> Tensor:
        """Reconstructions of a batch."""
        reconstructions: Tensor = self.decoder(self.encoder(channels_last(frames)))
        return reconstructions


@dataclass(frozen=True)
class _Tuning:
    """What fine-tuning runs on: the rounded module that trains, and the float one that it is held to."""

    setting: StageSetting
    recipe: QatRecipe
    loss_weights: Mapping[str, float]
    rounded: Rounded
    reference: Rounded


def fine_tuned(
    run: Path,
    source: RunFrames,
    graphs: Graphs,
    ranges: Ranges,
    *,
    int8: Int8Recipe,
    target: Target,
    recipe: QatRecipe,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Graphs, Ranges]:
    """The float32 `graphs` of a run's stage 2 with weights that bear being rounded for `target`, and the ranges learnt.

    Both are for `int8_graphs` with the same recipe, which rounds where the fine-tuning did. It sees training rows of
    the source hospitals only, and the same arguments give the same result. `on_step` hears the steps done and their
    total. Raises: InputError when the recipe's rates are so high that weights or ranges are no longer usable.
    """
    setting = _setting(run, source, recipe)
    tuning = _Tuning(
        setting=setting,
        recipe=recipe,
        loss_weights=read_facts(run, "stage2")["loss_weights"],
        rounded=_on_device(Rounded(graphs, int8_graphs(graphs, ranges, int8, target)), setting),
        reference=_on_device(Rounded(graphs, graphs), setting).requires_grad_(False),
    )
    optimizer = _optimizer(tuning.rounded, recipe)
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * learning_rate(setting, step) / recipe.learning_rate
        optimizer.zero_grad(set_to_none=True)
        _loss(tuning, step).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        _refuse_diverged(tuning.rounded, step)
        on_step(step + 1, recipe.steps)
    encoder, decoder = tuning.rounded.encoder, tuning.rounded.decoder
    trained = Graphs(trained_graph(graphs.encoder, encoder), trained_graph(graphs.decoder, decoder))
    return trained, Ranges(trained_ranges(ranges.encoder, encoder), trained_ranges(ranges.decoder, decoder))


def _optimizer(rounded: Rounded, recipe: QatRecipe) -> torch.optim.Optimizer:
    """Adam with a rate for the weights and another for the ranges; each group has its peak beside it."""
    peaks = {"constants": recipe.learning_rate, "factors": recipe.range_learning_rate}
    groups = [
        {"params": [each for name, each in rounded.named_parameters() if f".{part}." in name], "peak": peak}
        for part, peak in peaks.items()
    ]
    return torch.optim.Adam([group for group in groups if group["params"]], fused=True)


def _refuse_diverged(rounded: Rounded, step: int) -> None:
    # INT8 would hide it: what is no number is rounded to some integer, and then the graphs compute as if nothing were.
    for name, values in rounded.named_parameters():
        usable = torch.isfinite(values) & (values > 0) if ".factors." in name else torch.isfinite(values)
        if not usable.all():
            raise InputError(
                expected="fine-tuning that keeps finite weights and ranges above 0",
                got=f"others in {name} after step {step + 1}",
                fix="lower learning_rate or range_learning_rate in export/qat.toml, or the number of steps",
            )


def _setting(run: Path, source: RunFrames, recipe: QatRecipe) -> StageSetting:
    """Stage 2 once more, at this recipe's pace. In float32: bfloat16 is no finer than the grids of INT8."""
    own = replace(
        source.info.recipe,
        batch_size=recipe.batch_size,
        stage2_steps=recipe.steps,
        stage2_learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
    )
    return StageSetting(
        stage=2,
        run=run,
        recipe=own,
        train=frame_set(source, source.split.train),
        val=frame_set(source, source.split.val),
        device=pick_device("auto"),
        on_step=lambda _stage, _step, _loss: None,
        should_stop=lambda: False,
    )


def _on_device(module: Rounded, setting: StageSetting) -> Rounded:
    return module.to(setting.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _loss(tuning: _Tuning, step: int) -> Tensor:
    """Stage 2's objective against the scan, and the distance to what the float graphs reconstruct: everywhere and,
    since a box is about one percent of a frame, inside the ROI, grown as for edges, once more.
    """
    setting, recipe = tuning.setting, tuning.recipe
    batch = training_batch(setting.train, setting.recipe, _BATCH_STAGE, step)
    frames, masks = (part.to(setting.device) for part in batch)
    candidate, expected = tuning.rounded(frames), tuning.reference(frames)
    distance = (candidate - expected).abs().mean() + roi_l1(candidate, expected, mask_of(masks, ROI_EDGE))
    terms = terms_of(setting.roi_terms, candidate, frames, masks)
    objective = torch.stack([tuning.loss_weights[name] * term for name, term in terms.items()]).sum()
    loss: Tensor = recipe.stage2_weight * objective + recipe.reference_weight * distance
    return loss
