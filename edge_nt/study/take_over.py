"""What a study takes over from another of the same data instead of training it anew.

Stage 1 depends on neither structures nor stage 2; the control, stage 1 continued, not on structures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_nt.errors import InputError
from edge_nt.study.arm_lock import arm_lock
from edge_nt.study.protocol import CONTROL, STAGE1, arm_recipe
from edge_nt.study.study_folder import (
    Job,
    OpenStudy,
    StudyRecord,
    arm_folder,
    jobs_of,
    read_study,
    site_of,
    stage1_of,
    stage_of,
)
from edge_nt.training.branch import branch_run, copy_control, refuse_another_stage1, same_control
from edge_nt.training.checkpoint import read_facts
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.run_folder import read_run

_SHARED = ("dataset", "tables", "threads")
_SHARED_PROTOCOL = ("preprocess", "precision")


def jobs_to_take(study: OpenStudy, other: Path) -> tuple[Job, ...]:
    """What `study` has not begun and the study in `other` has finished: stage 1s, and their controls on one schedule.

    Raises: InputError when `other` is no study, one of other data, preprocessing, precision or threads, or one whose
    recipe gives another stage 1.
    """
    theirs = read_study(other)
    _refuse_other(other, study.record, theirs)
    there = {job: site_of(theirs.protocol, job) for job in jobs_of(theirs.protocol)}
    found: list[Job] = []
    for job in jobs_of(study.record.protocol):
        site = site_of(study.record.protocol, job)
        if (
            job.arm in (STAGE1, CONTROL)
            and job in there
            and (there[job].held_out, there[job].sources) == (site.held_out, site.sources)
            and (arm_folder(other, job) / f"{stage_of(job)}.json").is_file()
            and not (arm_folder(study.out, job) / "run.json").is_file()
            and (job.arm == STAGE1 or _is_same_control(study, other, job, found))
        ):
            found.append(job)
    for job in found:
        refuse_another_stage1(read_run(arm_folder(other, job)).recipe, _recipe(study, job))
    return tuple(found)


def take_over(study: OpenStudy, other: Path, jobs: Sequence[Job]) -> None:
    """Take over `jobs`, as `jobs_to_take` named them: they are scored and branched from, not trained.

    One that another process has begun meanwhile is left to it.
    Raises: InputError when one is not the file that was written.
    """
    for job in jobs:
        run, take = arm_folder(study.out, job), branch_run if job.arm == STAGE1 else copy_control
        with arm_lock(run) as mine:
            # The same study may be begun by another process at the same time.
            if mine and not (run / "run.json").is_file():
                take(
                    arm_folder(other, job), run, _recipe(study, job),
                    structures=study.record.protocol.structures, data_root=study.data,
                )  # fmt: skip


def _recipe(study: OpenStudy, job: Job) -> TrainRecipe:
    return arm_recipe(study.record.protocol, job.seed, job.arm)


def _is_same_control(study: OpenStudy, other: Path, job: Job, taken: Sequence[Job]) -> bool:
    """Whether the control of the other study is the one that this study would train, from the same stage 1."""
    theirs, ours = read_run(arm_folder(other, job)), arm_folder(study.out, stage1_of(job))
    from_theirs = stage1_of(job) in taken or (
        (ours / "stage1.json").is_file() and read_facts(ours, "stage1")["sha256"] == theirs.stage1_of
    )
    return from_theirs and same_control(theirs.recipe, _recipe(study, job))


def _refuse_other(other: Path, ours: StudyRecord, theirs: StudyRecord) -> None:
    pairs = {name: (getattr(ours, name), getattr(theirs, name)) for name in _SHARED}
    pairs |= {name: (getattr(ours.protocol, name), getattr(theirs.protocol, name)) for name in _SHARED_PROTOCOL}
    changed = [name for name, (mine, its) in pairs.items() if mine != its]
    if changed:
        raise InputError(
            expected=f"a study of the same data and settings in {other}",
            got=f"another {', '.join(changed)}",
            fix="drop --stage1-of, and stage 1 is trained anew",
        )
