"""What a study still has to train, and how long that takes here."""

from __future__ import annotations

import heapq
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from edge_nt.errors import InputError
from edge_nt.study.protocol import STAGE1, arm_recipe
from edge_nt.study.slots import Slot, environment_of
from edge_nt.study.step_timing import Timing, TimingOrder
from edge_nt.study.study_folder import Job, OpenStudy, arm_folder, is_finished, jobs_of, stage1_of, stage_of


@dataclass(frozen=True)
class PlannedJob:
    """A job with its optimiser steps, those of them done, and whether it is scored."""

    job: Job
    steps: int
    steps_done: int
    finished: bool


def plan_study(study: OpenStudy, taken: Sequence[Job] = ()) -> tuple[PlannedJob, ...]:
    """Every job of the study and where it stands, in the order in which they are begun; `taken` ones are trained."""
    plans = (_plan(study, job) for job in jobs_of(study.record.protocol))
    return tuple(replace(plan, steps_done=plan.steps) if plan.job in taken else plan for plan in plans)


def time_steps(study: OpenStudy, slots: Sequence[Slot]) -> Timing:
    """Real steps on every slot at the same time, as the arms will train; of several slots the slowest of each figure.

    Raises: InputError with what went wrong where a training could not be timed.
    """
    processes = [_start(study, slot) for slot in slots]
    timings = []
    for process in processes:
        words, errors = process.communicate()
        if process.returncode != 0:
            lines = [line for line in errors.splitlines() if line.strip()] or [f"exit code {process.returncode}"]
            raise InputError(
                expected="a few steps to time", got=lines[-1].strip(), fix="try the settings with `edge-nt train` first"
            )
        timings.append(msgspec.json.decode(words, type=Timing))
    return Timing(*(max(getattr(each, name) for each in timings) for name in Timing.__dataclass_fields__))


def seconds_of(plan: PlannedJob, timing: Timing, validate_every: int) -> float:
    """How long the rest of a job takes; a validation is half of a stage's end, which has two."""
    if plan.finished:
        return 0.0
    stage1 = plan.job.arm == STAGE1
    left = plan.steps - plan.steps_done
    step_s, begin_s = (
        (timing.stage1_step_s, timing.stage1_begin_s) if stage1 else (timing.stage2_step_s, timing.stage2_begin_s)
    )
    validations = left // validate_every
    return begin_s + left * step_s + (1 + validations / 2) * timing.stage_end_s + timing.score_s


def makespan_s(seconds: dict[Job, float], slots: int) -> float:
    """When the last of jobs that take `seconds` ends, on so many slots, arms after their stage 1."""
    free, ends = [0.0] * slots, dict[Job, float]()
    waiting = list(seconds)
    while waiting:
        now = heapq.heappop(free)
        ready = [job for job in waiting if _begins(job, seconds, ends) <= now]
        if ready:
            ends[ready[0]] = now + seconds[ready[0]]
            waiting.remove(ready[0])
            heapq.heappush(free, ends[ready[0]])
        else:
            heapq.heappush(free, min(end for end in ends.values() if end > now))
    return max(ends.values(), default=0.0)


def _begins(job: Job, seconds: dict[Job, float], ends: dict[Job, float]) -> float:
    """When a job may begin: after its stage 1, where that is still to be trained."""
    stage1 = stage1_of(job)
    return 0.0 if job.arm == STAGE1 or stage1 not in seconds else ends.get(stage1, math.inf)


def _plan(study: OpenStudy, job: Job) -> PlannedJob:
    recipe = arm_recipe(study.record.protocol, job.seed, job.arm)
    steps = recipe.stage1_steps if job.arm == STAGE1 else recipe.stage2_steps
    run, finished = arm_folder(study.out, job), is_finished(study.out, job)
    stage = stage_of(job)
    trained = finished or (run / f"{stage}.json").is_file()
    return PlannedJob(job, steps, steps if trained else _steps_done(run, stage), finished)


def _steps_done(run: Path, stage: str) -> int:
    if not run.is_dir():
        return 0
    from edge_nt.training.checkpoint import read_progress  # torch, which a study's own process needs for nothing else

    progress = read_progress(run)
    return progress.step if progress is not None and progress.stage == stage else 0


def _start(study: OpenStudy, slot: Slot) -> subprocess.Popen[str]:
    protocol, site = study.record.protocol, study.record.protocol.sites[0]
    order = TimingOrder(
        data=str(study.data),
        held_out=site.held_out,
        sources=site.sources,
        structures=protocol.structures,
        preprocess=protocol.preprocess,
        precision=protocol.precision,
        recipe=protocol.recipe,
        device=slot.device,
        threads=study.record.threads,
    )
    return subprocess.Popen(
        [sys.executable, "-m", "edge_nt.study.step_timing", msgspec.json.encode(order).decode()],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment_of(slot, study.record.threads),
    )  # fmt: skip
