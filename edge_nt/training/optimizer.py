"""How the weights move: Muon for matrices and convolutions, fused AdamW for biases and normalisations.

Gradients of a matrix have a few strong directions, which Adam follows while the many weak ones, where fine structure
lives, wait; Muon gives all directions the same step. A convolution is a matrix of outputs × (inputs, height, width).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edge_nt.training.muon import Muon
from edge_nt.training.recipe import TrainRecipe

# What each keeps of every parameter once it has stepped.
_MOMENTS: Mapping[type[torch.optim.Optimizer], tuple[str, ...]] = {
    Muon: ("momentum_buffer",),
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
}


@dataclass(frozen=True)
class Optimizers:
    """The optimisers of one model, which step together; `names` are the parameters' names in the model."""

    parts: tuple[torch.optim.Optimizer, ...]
    names: Mapping[Tensor, str]

    def set_rate(self, rate: float) -> None:
        """Give every parameter its learning rate: a fixed multiple of `rate`."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate * group["multiple"]

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Move all weights by their gradients."""
        for part in self.parts:
            part.step()

    def tensors(self) -> dict[str, Tensor]:
        """Moments and counters by ``<parameter>/<name>``, from which `load_tensors` goes on."""
        return {
            f"{self.names[parameter]}/{key}": torch.as_tensor(value)
            for part in self.parts
            for parameter, state in part.state.items()
            for key, value in state.items()
        }

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave. Raises: KeyError for those of other optimisers."""
        expected = {
            f"{self.names[parameter]}/{moment}"
            for part in self.parts
            for group in part.param_groups
            for parameter in group["params"]
            for moment in _MOMENTS[type(part)]
        }
        if expected != set(tensors):
            raise KeyError(f"optimiser state {min(expected ^ set(tensors))!r}, which only one of the two has")
        for part in self.parts:
            for group in part.param_groups:
                for parameter in group["params"]:
                    prefix = f"{self.names[parameter]}/"
                    own = {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
                    part.state[parameter] = {key: _like(value, parameter) for key, value in own.items()}


def make_optimizers(model: nn.Module, recipe: TrainRecipe) -> Optimizers:
    """Muon for the matrices and convolutions of `model`, AdamW for its biases and normalisations, as `recipe` has it.

    Muon's step is scaled to the size of AdamW's, so that one schedule and one weight decay serve both.
    """
    weights = list(model.parameters())
    matrices = {"params": [weight for weight in weights if weight.ndim == 2], "multiple": recipe.matrix_rate}
    convolutions = {"params": [weight for weight in weights if weight.ndim > 2], "multiple": recipe.convolution_rate}
    others = {"params": [weight for weight in weights if weight.ndim < 2], "multiple": 1.0}
    muon = Muon([matrices, convolutions], weight_decay=recipe.weight_decay)
    adamw = torch.optim.AdamW([others], weight_decay=recipe.weight_decay, fused=True)
    return Optimizers((muon, adamw), {parameter: name for name, parameter in model.named_parameters()})


def _like(value: Tensor, parameter: nn.Parameter) -> Tensor:
    # The fused optimiser walks through memory: moments must have their weight's layout, channels-last or not. It counts
    # its steps where the weight lies.
    return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value.to(parameter.device)
