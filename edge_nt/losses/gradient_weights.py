"""Loss weights from per-term gradient magnitudes: every term gets its pull where it is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn


def gradient_norms(
    terms: Mapping[str, Tensor],
    parameters: Sequence[nn.Parameter],
    over_parts: Callable[[Tensor], Tensor] = lambda gradient: gradient,
) -> dict[str, float]:
    """L2 norm of each term's gradient over `parameters`; the graph is kept, no `.grad` is touched.

    Where a batch is in parts, `over_parts` sums one parameter's gradient over them.
    """
    norms = {}
    for name, term in terms.items():
        gradients = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
        squares = [over_parts(gradient).float().square().sum() for gradient in gradients if gradient is not None]
        norms[name] = float(torch.stack(squares).sum().sqrt()) if squares else 0.0
    return norms


def calibrated_weights(norms: Sequence[Mapping[str, float]], reference: str, pull: float = 1.0) -> dict[str, float]:
    """Weights that give every other term `pull` times the mean gradient norm of the `reference` term, which has 1.

    `norms` are as of `mean_norms`. A term without gradient in all batches gets weight 0.
    """
    means = mean_norms(norms)
    weights = {name: pull * means[reference] / mean if mean > 0 else 0.0 for name, mean in means.items()}
    return {**weights, reference: 1.0}


def mean_norms(norms: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Each term's mean over the batches, of which `norms` holds one mapping each.

    A batch in which a term has no gradient (no box in it) is left out of that term's mean, which is 0 without any.
    """
    means = {}
    for name in norms[0]:
        seen = [batch[name] for batch in norms if batch[name] > 0]
        means[name] = sum(seen) / len(seen) if seen else 0.0
    return means
