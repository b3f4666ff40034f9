"""Muon in float32, iterated on the shorter side of each matrix, for matrices and convolutions.

The algorithm is that of `torch.optim.Muon` (Jordan et al. 2024; the step scaled to AdamW's size as in Liu et al. 2025,
"Muon is scalable for LLM training", arXiv 2502.16982). Two things differ. torch's works in bfloat16, which a processor
without such instructions emulates: there its step took eight times as long as all the rest of a training step. And it
iterates on the whole matrix X. Every iterate is a polynomial in X Xᵀ times X, so here the polynomial alone is iterated:
for the 128 × 12288 matrices around the latent a fifth of the arithmetic.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

# Jordan's quintic, which lifts small singular values fast and leaves all in about [0.7, 1.2].
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
_MOMENTUM = 0.95
_MOST_ROWS = 128
_SMALLEST_NORM = 1e-7


class Muon(torch.optim.Optimizer):
    """Momentum whose step has about equal length in every direction of a weight, seen as outputs × inputs.

    Weights have two dimensions or more; those of a convolution (outputs, inputs, height, width) count as a matrix of as
    many rows as it has outputs. Nesterov momentum of 0.95, decoupled weight decay.
    """

    def __init__(self, params: ParamsT, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, float(group["lr"]), float(group["weight_decay"]))

    def _move(self, weight: Tensor, gradient: Tensor, rate: float, decay: float) -> None:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        momentum = state["momentum_buffer"].lerp_(gradient, 1 - _MOMENTUM)
        matrix = gradient.lerp(momentum, _MOMENTUM).flatten(1)
        scale = 0.2 * math.sqrt(max(matrix.shape))
        weight.mul_(1 - rate * decay).sub_(_by_blocks(matrix).view(weight.shape), alpha=rate * scale)


def orthogonalised(matrix: Tensor) -> Tensor:
    """Newton-Schulz towards the nearest orthogonal matrix of `matrix` (R, C), as torch's Muon iterates it, in float32.

    Singular vectors stay, singular values become about 1 (0.7 to 1.2), those below a thousandth of the norm fall short.
    """
    wide = matrix.float() if matrix.shape[0] <= matrix.shape[1] else matrix.float().T
    gram = wide @ wide.T
    norm = gram.trace().sqrt().clamp(min=_SMALLEST_NORM)
    gram, product = gram / norm.square(), torch.eye(len(wide), device=wide.device) / norm
    for _ in range(_ITERATIONS):
        # X ← (a + bG + cG²) X with G = X Xᵀ; all factors are polynomials in the first G, and commute.
        factor = torch.addmm(gram, gram, gram, beta=_B, alpha=_C)
        factor.diagonal().add_(_A)
        product, gram = factor @ product, factor @ gram @ factor
    moved: Tensor = product @ wide
    return (moved if matrix.shape[0] <= matrix.shape[1] else moved.T).to(matrix.dtype)


def _by_blocks(matrix: Tensor) -> Tensor:
    """`orthogonalised`, a longer side than `_MOST_ROWS` in equal blocks of rows: arithmetic grows with its cube."""
    if min(matrix.shape) <= _MOST_ROWS:
        return orthogonalised(matrix)
    count = math.ceil(matrix.shape[0] / _MOST_ROWS)
    return torch.cat([orthogonalised(block) for block in matrix.chunk(count)])
