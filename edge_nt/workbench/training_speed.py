"""The plain recipe against ours, measured in one run: all ways take turns in blocks of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch

from edge_nt.bench.conditions import Mark, busy_warnings, mark, others_cores
from edge_nt.bench.latency_stats import latency_stats
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.machine import describe_machine
from edge_nt.metrics.bootstrap import Interval, bootstrap_interval
from edge_nt.training.batches import frame_set, frames_and_masks
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.run_frames import RunFrames, read_run_frames
from edge_nt.training.train import prepare_run
from edge_nt.workbench.loss_agreement import curve_gap, loss_curve, loss_equality
from edge_nt.workbench.optimizer_cost import optimizer_costs
from edge_nt.workbench.step_profile import OPTIMIZER, profile_steps
from edge_nt.workbench.training_speed_result import LossEquality, StepProfile, TrainingSpeed, WayResult
from edge_nt.workbench.training_way import Trainer, ladder

# A round gives every way one block. Its first step, in which caches and DataLoader workers warm up, is not counted.
BLOCK_STEPS = 5
SMOOTHING_STEPS = 10
# The ways between plain and ours need no whole loss curve.
_LADDER_ROUNDS = 4
_PROFILED, _PROFILE_WARMUP = 8, 2
_EQUALITY_IMAGES = 48
_ORDER_SEED = 0

OnStep = Callable[[int, int], None]


@dataclass
class _Lane:
    trainer: Trainer
    rounds: int
    losses: list[float] = field(default_factory=list)
    step_ms: list[list[float]] = field(default_factory=list)
    wait_ms: list[list[float]] = field(default_factory=list)

    def run_block(self, first: int) -> None:
        """Train one block; the clock runs from asking for a batch to the end of the optimiser's step."""
        steps = range(first, first + BLOCK_STEPS)
        batches, step_ms, wait_ms = self.trainer.batches(steps), [], []
        for step in steps:
            start = perf_counter()
            frames, _ = next(batches)
            ready = perf_counter()
            self.losses.append(self.trainer.step(frames, step))
            step_ms.append((perf_counter() - start) * 1e3)
            wait_ms.append((ready - start) * 1e3)
        self.step_ms.append(step_ms[1:])
        self.wait_ms.append(wait_ms[1:])

    @property
    def counted_ms(self) -> list[float]:
        return self.counted_in(len(self.step_ms))

    def counted_in(self, rounds: int) -> list[float]:
        """The counted steps of the first rounds, in ms."""
        return [value for block in self.step_ms[:rounds] for value in block]


def measure_training_speed(
    data_root: Path, *, held_out: str, structure: str, recipe: TrainRecipe, steps: int, workers: int, on_step: OnStep
) -> TrainingSpeed:
    """Train from scratch in every way of the ladder on the same batches, in turns, and profile the first and last.

    `on_step` gets the steps done and in all. Raises: InputError for steps that are no whole number of blocks from 4
    up, or data that cannot be used.
    """
    if steps < 4 * BLOCK_STEPS or steps % BLOCK_STEPS or workers < 1:
        raise InputError(
            expected=f"--steps a multiple of {BLOCK_STEPS} from {4 * BLOCK_STEPS} up, and --workers from 1 up",
            got=f"{steps} steps, {workers} workers",
            fix="pass, for example, --steps 100 --workers 2",
        )
    start = mark()
    with TemporaryDirectory() as folder:
        info = prepare_run(
            Path(folder) / "run", data_root, held_out=held_out, structures=(structure,), preprocess=Preprocess(),
            recipe=replace(recipe, stage1_steps=steps),
        )  # fmt: skip
    source = read_run_frames(info, None)
    lanes = _lanes(source, steps, workers)
    _take_turns(lanes, on_step)
    profiles = _profiles(lanes, steps)
    return _report(source, lanes, profiles, _equality(source, lanes[-1].trainer), start)


def _lanes(source: RunFrames, steps: int, workers: int) -> tuple[_Lane, ...]:
    info, rounds = source.info, steps // BLOCK_STEPS
    train = frame_set(source, source.split.train)
    ways = ladder(info.recipe.seed, workers, info.precision)
    whole = {ways[0].name, ways[1].name, ways[-1].name}
    return tuple(
        _Lane(
            Trainer(way, source, train, info.recipe, torch.device(info.device)),
            rounds if way.name in whole else _LADDER_ROUNDS,
        )
        for way in ways
    )


def _take_turns(lanes: Sequence[_Lane], on_step: OnStep) -> None:
    total, done = sum(lane.rounds for lane in lanes) * BLOCK_STEPS, 0
    order = np.random.default_rng(_ORDER_SEED)
    for turn in range(max(lane.rounds for lane in lanes)):
        running = [lane for lane in lanes if turn < lane.rounds]
        # An order drawn anew each time, so that no way always follows the same other one.
        for place in order.permutation(len(running)):
            running[place].run_block(turn * BLOCK_STEPS)
            done += BLOCK_STEPS
            on_step(done, total)


def _profiles(lanes: Sequence[_Lane], first: int) -> tuple[StepProfile, ...]:
    # The learning rate past the last step is the last one's; it does not change what a step costs.
    steps = range(first, first + _PROFILED + _PROFILE_WARMUP)
    asked = ((lanes[0], 1), (lanes[-1], 1), (lanes[-1], 2))
    return tuple(profile_steps(lane.trainer, stage, steps, _PROFILE_WARMUP) for lane, stage in asked)


def _equality(source: RunFrames, trainer: Trainer) -> tuple[LossEquality, ...]:
    """On reconstructions of source validation, where the loss will be evaluated in earnest."""
    val, size = frame_set(source, source.split.val), trainer.recipe.batch_size
    pairs = []
    for at in range(0, min(_EQUALITY_IMAGES, len(val.indices)), size):
        frames, _ = frames_and_masks(val, np.arange(at, min(at + size, len(val.indices))), 0)
        frames = frames.to(source.info.device)
        with torch.no_grad():
            pairs.append((trainer.forward(frames), frames))
    return tuple(loss_equality(pairs, inside_bf16_autocast=inside) for inside in (False, True))


def _way_results(lanes: Sequence[_Lane], batch_size: int) -> tuple[WayResult, ...]:
    plain = _faster_plain(lanes)
    results = []
    for lane in lanes:
        stats = latency_stats(lane.counted_ms)
        # Over the rounds that this way had, since a machine wanders.
        plain_ms = float(np.median(plain.counted_in(lane.rounds)))
        share = sum(map(sum, lane.wait_ms)) / sum(lane.counted_ms)
        name = lane.trainer.way.name
        results.append(WayResult(name, batch_size / stats.p50_ms * 1e3, stats, share, plain_ms / stats.p50_ms))
    return tuple(results)


def _faster_plain(lanes: Sequence[_Lane]) -> _Lane:
    return min(lanes[:2], key=lambda lane: float(np.median(lane.counted_ms)))


def _paired_speed_up(lanes: Sequence[_Lane]) -> Interval:
    """Ours over the faster plain way, one ratio of median steps a round."""
    plain = _faster_plain(lanes)
    ratios = [np.median(one) / np.median(ours) for one, ours in zip(plain.step_ms, lanes[-1].step_ms, strict=True)]
    return bootstrap_interval(np.array(ratios, np.float64), seed=0)


def _report(
    source: RunFrames,
    lanes: Sequence[_Lane],
    profiles: tuple[StepProfile, ...],
    equality: tuple[LossEquality, ...],
    start: Mark,
) -> TrainingSpeed:
    info, end, machine = source.info, mark(), describe_machine()
    curves = tuple(
        loss_curve(lane.trainer.way.name, lane.trainer.way.seed, lane.losses) for lane in (*lanes[:2], lanes[-1])
    )
    return TrainingSpeed(
        dataset=info.dataset,
        synthetic=info.synthetic,
        held_out_hospital=info.held_out_hospital,
        machine=machine,
        torch_version=str(info.torch_version),
        device=info.device,
        precision=info.precision,
        threads=info.threads,
        others_cores=others_cores(start, end),
        warnings=busy_warnings(start, end, machine.usable_cores),
        height_px=info.preprocess.height,
        width_px=info.preprocess.width,
        batch_size=info.recipe.batch_size,
        steps=info.recipe.stage1_steps,
        block_steps=BLOCK_STEPS,
        smoothing_steps=SMOOTHING_STEPS,
        ways=_way_results(lanes, info.recipe.batch_size),
        speed_up=_paired_speed_up(lanes),
        curves=curves,
        ours_against_plain=curve_gap(curves[0], curves[2], SMOOTHING_STEPS),
        plain_against_plain=curve_gap(curves[0], curves[1], SMOOTHING_STEPS),
        profiles=profiles,
        ms_ssim=equality,
        optimizers=optimizer_costs(lanes[-1].trainer.model, _without_optimizer_ms(profiles[1])),
    )


def _without_optimizer_ms(profile: StepProfile) -> float:
    return sum(part.p50_ms for part in profile.parts if part.part != OPTIMIZER)
