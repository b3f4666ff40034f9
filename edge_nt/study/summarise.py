"""The results of a study folder, from the scores in it alone: no data, no weights, no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from edge_nt.atomic import write_text
from edge_nt.machine import describe_machine
from edge_nt.results import read_result, write_result
from edge_nt.study.figures import side_figures
from edge_nt.study.protocol import STAGE1, Protocol, SiteProtocol
from edge_nt.study.scores import SCORES_NAME, ArmScores
from edge_nt.study.study_folder import (
    Job,
    arm_folder,
    is_finished,
    jobs_of,
    protocol_digest,
    read_study,
    refuse_other_stage1,
    stage_of,
)
from edge_nt.study.study_result import RESULT_NAME, TABLE_NAME, ArmTiming, ArmTraining, SiteFigures, Study
from edge_nt.study.table import study_table
from edge_nt.training.run_folder import read_run
from edge_nt.training.waiting import read_waiting


def summarise_study(out: Path) -> Study:
    """Read every finished arm's scores in `out`, and write study.json and study.md.

    Raises: InputError when the folder holds no study, or a scores.json is not whole.
    """
    record = read_study(out)
    protocol = record.protocol
    sites = tuple(_site(out, site, protocol.structures) for site in protocol.sites)
    study = Study(
        edge_nt_version=record.edge_nt_version,
        torch_version=record.torch_version,
        dataset=record.dataset,
        synthetic=record.synthetic,
        tables=record.tables,
        structures=protocol.structures,
        preprocess=protocol.preprocess,
        protocol_sha256=protocol_digest(protocol),
        recipe=protocol.recipe,
        complete=not any(site.missing for site in sites),
        sites=sites,
        timings=tuple(_timings(out, protocol)),
        machine=describe_machine(record.threads),
    )
    write_result(out / RESULT_NAME, study)
    write_text(out / TABLE_NAME, study_table(study))
    return study


def _site(out: Path, site: SiteProtocol, structures: tuple[str, ...]) -> SiteFigures:
    scores: dict[str, dict[int, ArmScores]] = {}
    missing = []
    for arm in (STAGE1, *site.arms):
        # Whatever order they are trained in: the same scores give the same table.
        for seed in sorted(site.seeds):
            job = Job(site.name, seed, arm)
            if is_finished(out, job):
                scores.setdefault(arm, {})[seed] = read_result(arm_folder(out, job) / SCORES_NAME, ArmScores)
            else:
                missing.append(f"{arm}, seed {seed}")
    _refuse_other_stages1(out, scores)
    return SiteFigures(
        name=site.name,
        held_out=site.held_out,
        sources=site.sources,
        missing=tuple(missing),
        sides=side_figures(scores, structures),
        trainings=tuple(_training(each) for by_seed in scores.values() for each in by_seed.values()),
    )


def _refuse_other_stages1(out: Path, scores: dict[str, dict[int, ArmScores]]) -> None:
    """Refuse finished arms which their scores, or a run folder that is kept, say branched from another stage 1."""
    for each in (each for by_seed in scores.values() for each in by_seed.values()):
        job, stage1 = Job(each.site, each.seed, each.arm), scores.get(STAGE1, {}).get(each.seed)
        run = arm_folder(out, job)
        if job.arm == STAGE1 or stage1 is None:
            continue
        if each.stage1_of is not None:
            refuse_other_stage1(run, each.stage1_of, stage1.checkpoint_sha256)
        if (run / "run.json").is_file():
            refuse_other_stage1(run, read_run(run).stage1_of, stage1.checkpoint_sha256)


def _timings(out: Path, protocol: Protocol) -> Iterator[ArmTiming]:
    for job in jobs_of(protocol):
        times = read_waiting(arm_folder(out, job), stage_of(job))
        if times is not None and is_finished(out, job):
            yield ArmTiming(job.site, job.seed, job.arm, times.total_s, times.waited_s, times.ended_utc)


def _training(scores: ArmScores) -> ArmTraining:
    return ArmTraining(**{field.name: getattr(scores, field.name) for field in fields(ArmTraining)})
