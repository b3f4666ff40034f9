"""One training of a study, from where it stands to its scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from edge_nt.errors import InputError
from edge_nt.losses.gradient_weights import mean_norms
from edge_nt.results import write_result
from edge_nt.study.protocol import STAGE1, arm_recipe
from edge_nt.study.score_run import score_run, this_scorer
from edge_nt.study.scores import SCORES_NAME, ArmScores
from edge_nt.study.study_folder import (
    Job,
    OpenStudy,
    arm_folder,
    read_study,
    refuse_other_stage1,
    site_of,
    stage1_of,
    stage_of,
)
from edge_nt.training.branch import branch_run
from edge_nt.training.checkpoint import read_facts
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_log import read_log
from edge_nt.training.train import prepare_run, train_run


def train_arm(
    out: Path,
    data_root: Path,
    job: Job,
    *,
    device: str,
    on_step: Callable[[int], None],
    should_stop: Callable[[], bool],
) -> ArmScores:
    """Train a job of the study in `out` from its resume point, score it and write its scores.

    `on_step` gets the steps done. Raises: InputError when the run folder is of another recipe, or its stage 1 is not
    finished; TrainingStoppedError after `should_stop` said so and the resume point is written.
    """
    study = read_study(out)
    torch.set_num_threads(study.threads)
    run = arm_folder(out, job)
    _prepare(OpenStudy(out, data_root, study), job, device)
    train_run(
        run,
        stages=(1 if job.arm == STAGE1 else 2,),
        data_root=data_root,
        on_step=lambda _stage, step, _loss: on_step(step),
        should_stop=should_stop,
    )
    scores = _scores(run, data_root, job)
    write_result(run / SCORES_NAME, scores)
    return scores


def _prepare(study: OpenStudy, job: Job, device: str) -> None:
    run, protocol = arm_folder(study.out, job), study.record.protocol
    recipe = arm_recipe(protocol, job.seed, job.arm)
    if (run / "run.json").is_file():
        begun = read_run(run)
        if begun.recipe != recipe:
            raise InputError(
                expected=f"the recipe of the study in {run}", got="another", fix="remove this folder to train it anew"
            )
        if begun.device != device and not (run / f"{stage_of(job)}.json").is_file():
            raise InputError(
                expected=f"an arm begun on {device} in {run}",
                got=f"one begun on {begun.device}",
                fix=f"pass --devices {begun.device}, or remove this folder to train it anew",
            )
        if job.arm != STAGE1:
            base = read_facts(arm_folder(study.out, stage1_of(job)), "stage1")
            refuse_other_stage1(run, begun.stage1_of, str(base["sha256"]))
    elif job.arm == STAGE1:
        site = site_of(protocol, job)
        prepare_run(
            run, study.data, held_out=site.held_out, sources=site.sources, structures=protocol.structures,
            preprocess=protocol.preprocess, recipe=recipe, device=device, precision=protocol.precision,
        )  # fmt: skip
    else:
        branch_run(arm_folder(study.out, stage1_of(job)), run, recipe, data_root=study.data, device=device)


def _scores(run: Path, data_root: Path, job: Job) -> ArmScores:
    info, stage = read_run(run), stage_of(job)
    facts = read_facts(run, stage)
    measured = [event for event in read_log(run / "log.jsonl") if event["event"] == "calibrate"]
    norms = measured[0]["gradient_norms"] if measured else []
    return ArmScores(
        site=job.site,
        seed=job.seed,
        arm=job.arm,
        checkpoint_sha256=str(facts["sha256"]),
        steps=int(facts["steps"]),
        loss_weights={name: float(weight) for name, weight in facts["loss_weights"].items()},
        gradient_norms=mean_norms(norms) if norms else {},
        device=info.device,
        precision=info.precision,
        threads=info.threads,
        torch_version=info.torch_version,
        images=score_run(run, stage, data_root),
        trainers=tuple(facts.get("trainers", ())),
        stage1_of=None if job.arm == STAGE1 else info.stage1_of,
        scorer=this_scorer(),
    )
