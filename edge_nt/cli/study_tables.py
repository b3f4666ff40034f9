"""A study's plan as a table in a terminal, and its progress."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from edge_nt.cli.screen import print_tables, table
from edge_nt.study.arm_process import STOPPED_EXIT_CODE, TAKEN_EXIT_CODE
from edge_nt.study.estimate import PlannedJob, makespan_s, plan_study, seconds_of, time_steps
from edge_nt.study.protocol import STAGE1
from edge_nt.study.slots import Slot
from edge_nt.study.study_folder import Job, OpenStudy
from edge_nt.study.summarise import summarise_study

_ENDS = {0: "finished", STOPPED_EXIT_CODE: "stopped", TAKEN_EXIT_CODE: "left to the process that trains it"}


def show_plan(study: OpenStudy, slots: Sequence[Slot], console: Console, taken: Sequence[Job] = ()) -> None:
    """Print every job, its steps and its state, then how long the rest takes, from real steps timed now.

    Jobs that would be `taken` from another study are not trained, only scored.
    """
    plans = plan_study(study, taken)
    rows = [(plan.job.site, str(plan.job.seed), plan.job.arm, str(plan.steps), _state(plan)) for plan in plans]
    print_tables(console, table(f"{study.out}", ("site", "seed", "arm", "steps", "state"), rows))
    with console.status("timing a few real steps of each stage"):
        timing = time_steps(study, slots)
    validate_every = int(study.record.protocol.recipe["validate_every"])
    seconds = {plan.job: seconds_of(plan, timing, validate_every) for plan in plans if not plan.finished}
    console.print(
        f"a step of stage 1 takes {timing.stage1_step_s:.3f} s, of stage 2 {timing.stage2_step_s:.3f} s, scoring "
        f"{timing.score_s:.1f} s, at batch size {study.record.protocol.recipe['batch_size']} with "
        f"{study.record.threads} threads and {len(slots)} at a time ({slots[0].device})"
    )
    total, wall = sum(seconds.values()), makespan_s(seconds, len(slots))
    console.print(
        f"{len(seconds)} of {len(plans)} trainings are left: {_hours(wall)} from now, {_hours(total)} of training"
    )


class StudyProgress:
    """Bars of what trains now and of the whole study; results are written anew after each job."""

    def __init__(self, study: OpenStudy, console: Console) -> None:
        self._study, self._console = study, console
        self._plans = {plan.job: plan for plan in plan_study(study)}
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=console)
        self._tasks: dict[Job, TaskID] = {}
        total = sum(plan.steps for plan in self._plans.values())
        done = sum(plan.steps_done for plan in self._plans.values())
        self._all = self._bars.add_task("steps of the study", total=total, completed=done)
        self._frames = self._bars.add_task("frames", total=None, visible=False)

    def __enter__(self) -> StudyProgress:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bars.stop()

    def on_frame(self) -> None:
        """One frame more is decoded into the cache."""
        self._bars.update(self._frames, advance=1, visible=True)

    def on_step(self, job: Job, step: int) -> None:
        """A job has done so many steps."""
        if job not in self._tasks:
            done = self._plans[job].steps_done
            self._tasks[job] = self._bars.add_task(str(job), total=self._plans[job].steps, completed=done)
        task = next(task for task in self._bars.tasks if task.id == self._tasks[job])
        self._bars.update(self._all, advance=step - task.completed)
        self._bars.update(self._tasks[job], completed=step)

    def on_end(self, job: Job, code: int) -> None:
        """A job's process ended."""
        if job in self._tasks:
            self._bars.update(self._tasks.pop(job), visible=False)
        self._console.print(f"{job}: {_ENDS.get(code, f'failed with exit code {code}')}")
        if code == 0:
            summarise_study(self._study.out)


def _state(plan: PlannedJob) -> str:
    if plan.finished:
        return "finished"
    if plan.steps_done == plan.steps:
        return "trained, not scored"
    return f"step {plan.steps_done}" if plan.steps_done else "to train" if plan.job.arm == STAGE1 else "to branch"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
