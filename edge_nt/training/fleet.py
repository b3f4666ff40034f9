"""The processes that train one model, through Lightning Fabric: one, or many that compute what one would.

Every process has a part of each batch, computes its share of the batch's loss terms, and all sum up: the gradient,
BatchNorm's statistics, the frames that have a region and the logged loss are those of the whole batch.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import torch
from torch import Tensor, nn

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.training.joint_batch_norm import join_batch_norms

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_FABRIC_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}

Shared = TypeVar("Shared")


@dataclass(frozen=True)
class Fleet:
    """One process's view of all: its `rank` from 0 among `size`."""

    fabric: Fabric
    rank: int
    size: int

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return self.fabric.device

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """This process's part of `count` things in order; parts differ by at most one in size."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def joined(self, model: nn.Module) -> nn.Module:
        """`model` for training steps: its forward pass in the run's precision, its gradients those of the whole batch.

        BatchNorm layers of `model` are exchanged in place where there are several processes.
        """
        if self.size > 1 and self.device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        elif self.size > 1:
            join_batch_norms(model)
        module: nn.Module = self.fabric.setup_module(model)
        return module

    def precision(self) -> AbstractContextManager[None]:
        """The precision of a forward pass past `joined`, such as a measurement of gradients."""
        return self.fabric.autocast()

    def backward(self, loss: Tensor) -> None:
        """Gradients of the sum of every process's `loss` into the parameters of every process."""
        # Torch's data-parallel gradients are means over the processes.
        self.fabric.backward(loss * self.size if self.size > 1 else loss)

    def sum(self, part: Tensor) -> Tensor:
        """`part` summed over all processes, without gradient."""
        if self.size == 1:
            return part.detach()
        total = self.fabric.all_reduce(part.detach().clone(), reduce_op="sum")
        assert isinstance(total, Tensor)  # what all_reduce gives for a tensor
        return total

    def any(self, here: bool) -> bool:
        """Whether any process says so; all get the same answer."""
        return here if self.size == 1 else bool(self.sum(torch.tensor(float(here), device=self.device)) > 0)

    def shared(self, value: Shared) -> Shared:
        """The leading process's `value`, on all."""
        return self.fabric.broadcast(value) if self.size > 1 else value

    def meet(self) -> None:
        """Wait until all have come here."""
        self.fabric.barrier()

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """The leading process does the body before the others, such as filling a cache that they will find."""
        with self.fabric.rank_zero_first():
            yield


def assemble(device: torch.device, precision: str, batch_size: int, processes_here: int, nodes: int) -> Fleet:
    """Join the other processes, which `edge-nt train --devices` or torchrun started; `processes_here` on this node.

    `precision` is ``float32`` or ``bfloat16``.
    Raises: InputError when a process would have no frame of a batch; MissingDependencyError when one would have no GPU.
    """
    size = processes_here * nodes
    if batch_size < size:
        raise InputError(
            expected=f"batches of at least one frame for each of {size} processes",
            got=f"a batch size of {batch_size}",
            fix="train on fewer devices, or a new run with a larger --batch-size",
        )
    if device.type == "cuda" and torch.cuda.device_count() < processes_here:
        raise MissingDependencyError(
            expected=f"a GPU for each of {processes_here} processes on this node",
            got=f"{torch.cuda.device_count()}",
            fix="pass a smaller --devices",
        )
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # It tells of every process that joins.
    # True of the first convolution alone, whose one channel has both memory layouts; the copy is of 512 numbers.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    fabric = Fabric(
        accelerator=device.type,
        devices=processes_here,
        num_nodes=nodes,
        strategy=DDPStrategy() if size > 1 else "auto",
        precision=_FABRIC_PRECISIONS[precision],
    )
    fabric.launch()
    return Fleet(fabric, fabric.global_rank, fabric.world_size)
