"""How long training takes here: ``python -m edge_nt.study.step_timing ORDER`` times real steps of a run of its own."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge_nt.imaging.letterbox import Preprocess

_BEGAN = time.perf_counter()
# Of each stage; the first ones are slower, so they warm up and do not count.
_STEPS, _WARM_UP_STEPS = 8, 2
_NEVER = 10**9


@dataclass(frozen=True)
class TimingOrder:
    """What to time: the training of a study's site, on its dataset folder and with its recipe's values."""

    data: str
    held_out: str
    sources: tuple[str, ...]
    structures: tuple[str, ...]
    preprocess: Preprocess
    precision: str
    recipe: dict[str, Any]
    device: str
    threads: int


@dataclass(frozen=True)
class Timing:
    """Seconds of an optimiser step in each stage (median), until a process's first step, of a stage's end, of scoring.

    The end of a stage is two validations and writing the model; calibrating stage 2's weights counts to its begin.
    """

    stage1_step_s: float
    stage2_step_s: float
    stage1_begin_s: float
    stage2_begin_s: float
    stage_end_s: float
    score_s: float


def measure(order: TimingOrder, folder: Path) -> Timing:
    """Train a few steps of both stages in the new run `folder`, and score it."""
    import torch

    from edge_nt.study.score_run import score_run
    from edge_nt.training.recipe import recipe_from
    from edge_nt.training.train import prepare_run

    few = {"stage1_steps": _STEPS, "stage2_steps": _STEPS, "validate_every": _NEVER, "checkpoint_every": _NEVER}
    torch.set_num_threads(order.threads)
    # Before the frames are decoded, which a study does once and not for each of its jobs.
    imported_s = time.perf_counter() - _BEGAN
    prepare_run(
        folder, Path(order.data), held_out=order.held_out, sources=order.sources, structures=order.structures,
        preprocess=order.preprocess, recipe=recipe_from({**order.recipe, **few}), device=order.device,
        precision=order.precision,
    )  # fmt: skip
    first, second = (_time_stage(folder, stage) for stage in (1, 2))
    before = time.perf_counter()
    score_run(folder, "stage2")
    return Timing(
        stage1_step_s=first[1],
        stage2_step_s=second[1],
        stage1_begin_s=imported_s + first[0],
        stage2_begin_s=imported_s + second[0],
        stage_end_s=max(first[2], second[2]),
        score_s=time.perf_counter() - before,
    )


def _time_stage(folder: Path, stage: int) -> tuple[float, float, float]:
    """Seconds before the first step, of a step, and after the last one."""
    from edge_nt.training.train import train_run

    ends: list[float] = []
    before = time.perf_counter()
    train_run(folder, stages=(stage,), on_step=lambda _stage, _step, _loss: ends.append(time.perf_counter()))
    after = time.perf_counter()
    steps = [second - first for first, second in zip(ends[_WARM_UP_STEPS - 1 :], ends[_WARM_UP_STEPS:], strict=False)]
    step_s = statistics.median(steps)
    return max(0.0, ends[0] - before - step_s), step_s, after - ends[-1]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(
            msgspec.json.encode(
                measure(msgspec.json.decode(sys.argv[1], type=TimingOrder), Path(name) / "run")
            ).decode()
        )
