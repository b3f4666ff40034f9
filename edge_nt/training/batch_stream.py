"""The training batches of a stage in order, the next one made while the step works on the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from edge_nt.training.waiting import Waiting

Batch = tuple[Tensor, Tensor]


def batch_stream(
    make: Callable[[int], Batch], first: int, end: int, device: torch.device, waiting: Waiting
) -> Iterator[tuple[int, Batch]]:
    """(step, batch on `device`) from `first` up to `end`, exactly what `make` gives for each step.

    One thread makes the next batch meanwhile; for a GPU it also pins the memory, and the copy does not hold up the
    step. `waiting` is added to.
    """
    pinned = device.type == "cuda"

    def prepare(step: int) -> Batch:
        frames, masks = make(step)
        return (frames.pin_memory(), masks.pin_memory()) if pinned else (frames, masks)

    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        coming: Future[Batch] | None = pool.submit(prepare, first) if first < end else None
        for step in range(first, end):
            waiting.asked()
            assert coming is not None  # there is a batch for every step before `end`
            frames, masks = coming.result()
            waiting.got()
            coming = pool.submit(prepare, step + 1) if step + 1 < end else None
            yield step, (frames.to(device, non_blocking=pinned), masks.to(device, non_blocking=pinned))
