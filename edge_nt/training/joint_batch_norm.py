"""BatchNorm over the batch of all processes, for CPUs; on GPUs torch's own SyncBatchNorm does the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch import distributed as dist


class _SumOverProcesses(torch.autograd.Function):
    """Sums a tensor over all processes; so is its gradient, since every process's loss depends on every part."""

    @staticmethod
    def forward(_context: torch.autograd.function.FunctionCtx, part: Tensor) -> Tensor:
        total = part.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def _sum(part: Tensor) -> Tensor:
    total: Tensor = _SumOverProcesses.apply(part)  # type: ignore[no-untyped-call]
    return total


class JointBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose training statistics are those of the whole batch, of which each process has a part.

    Weights and buffers have the names of `nn.BatchNorm2d`, so that a checkpoint does not tell how many trained it.
    """

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) → alike; in evaluation mode exactly `nn.BatchNorm2d`."""
        if not self.training:
            return super().forward(images)
        values = images.to(torch.promote_types(images.dtype, torch.float32))
        count = _sum(torch.tensor([float(values.numel() // values.shape[1])], device=values.device))
        mean = _sum(values.sum((0, 2, 3))) / count
        # Two passes: a variance as a difference of large sums loses float32's digits.
        centred = values - mean[:, None, None]
        variance = _sum(centred.square().sum((0, 2, 3))) / count
        self._note(mean.detach(), (variance * count / (count - 1)).detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(images.dtype)

    @torch.no_grad()
    def _note(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        for running, seen in ((self.running_mean, mean), (self.running_var, unbiased_variance)):
            if running is not None:
                running.lerp_(seen, self.momentum if self.momentum is not None else 0.1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def join_batch_norms(model: nn.Module) -> None:
    """Replace every `nn.BatchNorm2d` below `model` by one over all processes, with its weights and buffers."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d:
                joint = JointBatchNorm2d(child.num_features, child.eps, child.momentum)
                joint.load_state_dict(child.state_dict())
                joint.weight, joint.bias = child.weight, child.bias
                setattr(parent, name, joint.train(child.training))
