"""Muon against the one of torch, against Newton-Schulz as it is written down, and on what torch's does not take."""

import pytest
import torch
from torch import Tensor, nn

from edge_nt.training.muon import Muon, orthogonalised

SHAPES = [(16, 300), (300, 16), (64, 64), (5, 7)]


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _newton_schulz(matrix: Tensor) -> Tensor:
    """The iteration on the whole matrix in float64, as in the paper."""
    wide = matrix.double() if matrix.shape[0] <= matrix.shape[1] else matrix.double().T
    wide = wide / wide.norm()
    for _ in range(5):
        gram = wide @ wide.T
        wide += (3.4445 - 1) * wide + (-4.7750 * gram + 2.0315 * gram @ gram) @ wide
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


def _step(optimizer: torch.optim.Optimizer, weight: nn.Parameter, gradient: Tensor) -> None:
    weight.grad = gradient.clone()
    optimizer.step()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_iteration_in_the_small_space_is_the_one_on_the_whole_matrix(shape: tuple[int, int]) -> None:
    matrix = _random(*shape)
    torch.testing.assert_close(orthogonalised(matrix).double(), _newton_schulz(matrix), rtol=0, atol=2e-5)


def test_singular_values_over_six_decades_stay_on_the_iteration_s_way() -> None:
    left, right = (torch.linalg.qr(_random(size, 32, seed=size))[0] for size in (32, 200))
    matrix = left @ torch.diag(torch.logspace(0, -6, 32)) @ right.T
    # Squaring them in float32 costs the smallest ones some digits, and nothing that a step could notice.
    torch.testing.assert_close(orthogonalised(matrix).double(), _newton_schulz(matrix), rtol=0, atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_steps_are_those_of_torch_s_muon_to_what_bfloat16_resolves(shape: tuple[int, int]) -> None:
    start = _random(*shape, seed=1)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    own = Muon([ours], lr=0.01, weight_decay=0.1)
    reference = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for seed in range(5):
        gradient = _random(*shape, seed=10 + seed)
        _step(own, ours, gradient)
        _step(reference, theirs, gradient)
    moved, apart = (theirs - start).detach(), (ours - theirs).detach()
    assert float(apart.norm() / moved.norm()) < 0.02


def test_a_convolution_moves_as_its_matrix_in_either_layout() -> None:
    start, gradient = _random(8, 3, 4, 4), _random(8, 3, 4, 4, seed=1)
    matrix = nn.Parameter(start.flatten(1).clone())
    _step(Muon([matrix], lr=0.1), matrix, gradient.flatten(1))
    for layout in (torch.contiguous_format, torch.channels_last):
        kernel = nn.Parameter(start.clone(memory_format=layout))
        _step(Muon([kernel], lr=0.1), kernel, gradient.to(memory_format=layout))
        torch.testing.assert_close(kernel.flatten(1), matrix)


def test_a_weight_with_many_outputs_moves_in_blocks_of_them() -> None:
    start, gradient = _random(300, 400), _random(300, 400, seed=1)
    whole = nn.Parameter(start.clone())
    _step(Muon([whole], lr=0.1), whole, gradient)
    blocks = [nn.Parameter(block.clone()) for block in start.chunk(3)]
    for block, part in zip(blocks, gradient.chunk(3), strict=True):
        _step(Muon([block], lr=0.1), block, part)
    torch.testing.assert_close(whole.detach(), torch.cat([block.detach() for block in blocks]))


def test_no_gradient_moves_nothing_and_a_gradient_of_zero_only_decays() -> None:
    weight = nn.Parameter(_random(4, 6))
    start = weight.detach().clone()
    optimizer = Muon([weight], lr=0.1, weight_decay=0.5)
    optimizer.step()
    assert torch.equal(weight, start)
    _step(optimizer, weight, torch.zeros(4, 6))
    torch.testing.assert_close(weight.detach(), start * 0.95)
