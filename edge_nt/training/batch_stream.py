"""The training batches of a stage in order, the next one made while the step works on the last."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from edge_nt.atomic import write_json

TIMING_FILE = "timing.json"

Batch = tuple[Tensor, Tensor]


@dataclass
class Waiting:
    """How long steps waited for their batch, of how long they took altogether."""

    waited_s: float = 0.0
    total_s: float = 0.0
    _began: float = 0.0

    def asked(self) -> None:
        """A step asks for its batch."""
        self._began = time.perf_counter()

    def got(self) -> None:
        """The batch is there."""
        self.waited_s += time.perf_counter() - self._began

    def stepped(self) -> None:
        """The step is done."""
        self.total_s += time.perf_counter() - self._began

    @property
    def share(self) -> float:
        """The share of the time that steps waited, in [0, 1]."""
        return self.waited_s / self.total_s if self.total_s else 0.0


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


def note_waiting(run: Path, stage: str, waiting: Waiting) -> None:
    """Put a stage's times into timing.json of the run: apart from its facts, which are equal in equal runs."""
    path = run / TIMING_FILE
    noted = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    times = {"waited_for_data_s": waiting.waited_s, "steps_s": waiting.total_s, "share": waiting.share}
    write_json(path, {**noted, stage: times})
