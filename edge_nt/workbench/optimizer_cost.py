"""What a step of the optimiser costs, by who moves which weights: all in turns on one model."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import torch
from torch import nn

from edge_nt.training.muon import Muon
from edge_nt.training.optimizer import Optimizers, make_optimizers
from edge_nt.training.recipe import read_recipe
from edge_nt.workbench.training_speed_result import OptimizerCost

# The first round warms caches and makes the moments; it is not counted.
ROUNDS = 6


def optimizer_costs(model: nn.Module, rest_ms: float) -> tuple[OptimizerCost, ...]:
    """Median times of the optimisers' steps beside the `rest_ms` that all else of a training step takes.

    `model` has gradients; its weights are as they were afterwards.
    """
    kept = [weight.detach().clone() for weight in model.parameters()]
    choices = _choices(model)
    taken_s = np.array([[_timed(choice, model) for choice in choices.values()] for _ in range(ROUNDS)])[1:]
    with torch.no_grad():
        for weight, value in zip(model.parameters(), kept, strict=True):
            weight.copy_(value)
    medians_ms = 1e3 * np.median(taken_s, axis=0)
    return tuple(
        OptimizerCost(name, float(ms), float(ms / rest_ms)) for name, ms in zip(choices, medians_ms, strict=True)
    )


def _choices(model: nn.Module) -> dict[str, Optimizers]:
    weights = list(model.parameters())
    matrices = [weight for weight in weights if weight.ndim == 2]
    others = [weight for weight in weights if weight.ndim != 2]
    of_all, of_others = (torch.optim.AdamW(part, lr=1e-6, fused=True) for part in (weights, others))
    trained = make_optimizers(model, read_recipe(None, {}))
    trained.set_rate(1e-6)
    theirs = torch.optim.Muon(matrices, lr=1e-6, adjust_lr_fn="match_rms_adamw")
    names = trained.names
    return {
        "AdamW for all weights": Optimizers((of_all,), names),
        "torch.optim.Muon for the matrices, AdamW for the rest": Optimizers((theirs, of_others), names),
        "our Muon for the matrices, AdamW for the rest": Optimizers((Muon(matrices, lr=1e-6), of_others), names),
        "edge-nt train: our Muon for convolutions too": trained,
    }


def _timed(optimizers: Optimizers, model: nn.Module) -> float:
    _wait_for(model)
    start = perf_counter()
    optimizers.step()
    _wait_for(model)
    return perf_counter() - start


def _wait_for(model: nn.Module) -> None:
    if next(model.parameters()).is_cuda:
        torch.cuda.synchronize()
