"""Stage 1 taken over from another study of the same data: another structure or another stage 2 leaves it as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_nt.errors import InputError
from edge_nt.study.protocol import STAGE1, arm_recipe
from edge_nt.study.study_folder import Job, OpenStudy, StudyRecord, arm_folder, jobs_of, read_study, site_of
from edge_nt.training.run_folder import read_run
from edge_nt.training.train import branch_run, refuse_another_stage1

_SHARED = ("dataset", "tables", "threads")
_SHARED_PROTOCOL = ("preprocess", "precision")


def stage1_to_take(study: OpenStudy, other: Path) -> tuple[Job, ...]:
    """The stage 1 of each site and seed that `study` has not begun and the study in `other` has finished.

    Raises: InputError when `other` is no study, one of other data, preprocessing, precision or threads, or one whose
    recipe gives another stage 1.
    """
    theirs = read_study(other)
    _refuse_other(other, study.record, theirs)
    there = {job: site_of(theirs.protocol, job) for job in jobs_of(theirs.protocol)}
    found = tuple(
        job
        for job in jobs_of(study.record.protocol)
        if job.arm == STAGE1
        and not (arm_folder(study.out, job) / "run.json").is_file()
        and job in there
        and (there[job].held_out, there[job].sources) == _sides(study, job)
        and (arm_folder(other, job) / "stage1.json").is_file()
    )
    for job in found:
        recipe = arm_recipe(study.record.protocol, job.seed, job.arm)
        refuse_another_stage1(read_run(arm_folder(other, job)).recipe, recipe)
    return found


def take_stage1(study: OpenStudy, other: Path, jobs: Sequence[Job]) -> None:
    """Take over `jobs`, as `stage1_to_take` named them: they are scored and branched from, not trained.

    Raises: InputError when one is not the file that was written.
    """
    protocol = study.record.protocol
    for job in jobs:
        recipe = arm_recipe(protocol, job.seed, job.arm)
        branch_run(
            arm_folder(other, job), arm_folder(study.out, job), recipe,
            structures=protocol.structures, data_root=study.data,
        )  # fmt: skip


def _sides(study: OpenStudy, job: Job) -> tuple[str, tuple[str, ...]]:
    site = site_of(study.record.protocol, job)
    return site.held_out, site.sources


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
