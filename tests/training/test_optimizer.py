"""The optimisers: which weights Muon moves and how fast, and that their tensors carry on where they stopped."""

import pytest
import torch
from torch import nn

from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.training.optimizer import Optimizers, make_optimizers
from edge_nt.training.recipe import read_recipe

RECIPE = read_recipe(None, {})
NO_DECAY = read_recipe(None, {"weight_decay": 0.0})
FRAMES = torch.rand(2, 1, 192, 256, generator=torch.Generator().manual_seed(0))


def _model() -> AutoEncoder:
    torch.manual_seed(0)
    return AutoEncoder(192, 256)


def _step(model: AutoEncoder, optimizers: Optimizers, rate: float = 1e-3) -> None:
    optimizers.set_rate(rate)
    optimizers.zero_grad()
    (model(FRAMES) - FRAMES).abs().mean().backward()
    optimizers.step()


def test_every_weight_has_one_optimizer_and_matrices_and_convolutions_have_muon() -> None:
    model = _model()
    muon, adamw = make_optimizers(model, RECIPE).parts
    held = [parameter for part in (muon, adamw) for group in part.param_groups for parameter in group["params"]]
    assert len(held) == len(list(model.parameters())) == len({id(parameter) for parameter in held})
    matrices, convolutions = (group["params"] for group in muon.param_groups)
    assert [tuple(matrix.shape) for matrix in matrices] == [(128, 12288), (12288, 128)]
    assert len(convolutions) == sum(isinstance(layer, nn.Conv2d) for layer in model.modules())
    assert {parameter.ndim for group in adamw.param_groups for parameter in group["params"]} == {1}


def test_matrices_and_convolutions_move_at_the_recipes_multiples_of_the_rate_of_the_schedule() -> None:
    muon, adamw = make_optimizers(_model(), read_recipe(None, {"matrix_rate": 4.0, "convolution_rate": 0.5})).parts
    Optimizers((muon, adamw), {}).set_rate(0.5)
    assert [group["lr"] for part in (muon, adamw) for group in part.param_groups] == [2.0, 0.25, 0.5]


def test_a_weak_direction_of_a_matrix_moves_as_far_as_a_strong_one() -> None:
    layer = nn.Linear(4, 4)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.diag(torch.tensor([1.0, 0.3, 0.1, 0.03]))
    layer.bias.grad = torch.zeros(4)
    optimizers = make_optimizers(layer, NO_DECAY)
    optimizers.set_rate(1e-3)
    optimizers.step()
    moved = (layer.weight.detach() - before).diagonal().abs()
    assert float(moved.min() / moved.max()) > 0.5


def test_loaded_tensors_lie_where_their_weights_lie() -> None:
    model = _model()
    optimizers = make_optimizers(model, RECIPE)
    _step(model, optimizers)
    elsewhere = make_optimizers(_model().to("meta"), RECIPE)  # as a GPU is, to what a file gives
    elsewhere.load_tensors(optimizers.tensors())
    states = [state for part in elsewhere.parts for state in part.state.values()]
    assert {value.device.type for state in states for value in state.values()} == {"meta"}


def test_the_tensors_carry_on_to_the_bit() -> None:
    model, other = _model(), _model()
    first, second = make_optimizers(model, RECIPE), make_optimizers(other, RECIPE)
    _step(model, first)
    kept = {name: tensor.clone() for name, tensor in first.tensors().items()}
    other.load_state_dict(model.state_dict())
    second.load_tensors(kept)
    _step(model, first)
    _step(other, second)
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), other.parameters(), strict=True))


def test_tensors_of_other_optimisers_are_refused() -> None:
    model = _model()
    optimizers = make_optimizers(model, RECIPE)
    _step(model, optimizers)
    tensors = optimizers.tensors()
    # AdamW for a convolution, as it was before Muon moved it: its momentum would start anew in silence.
    name = next(name for name in tensors if "encoder.0" in name)
    moved = {f"{name.rpartition('/')[0]}/exp_avg" if each == name else each: value for each, value in tensors.items()}
    for other in (moved, {}, tensors | {"encoder.99.weight/momentum_buffer": torch.zeros(1)}):
        with pytest.raises(KeyError, match="only one of the two"):
            make_optimizers(_model(), RECIPE).load_tensors(other)


def test_a_rate_of_zero_moves_nothing() -> None:
    model = _model()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    _step(model, make_optimizers(model, RECIPE), rate=0.0)
    assert all(torch.equal(one, two) for one, two in zip(before, model.parameters(), strict=True))
