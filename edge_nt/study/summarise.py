"""The results of a study folder, from the scores in it alone: no data, no weights, no torch."""

from __future__ import annotations

from pathlib import Path

from edge_nt.atomic import write_text
from edge_nt.machine import describe_machine
from edge_nt.results import read_result, write_result
from edge_nt.study.figures import side_figures
from edge_nt.study.protocol import STAGE1, SiteProtocol
from edge_nt.study.scores import SCORES_NAME, ArmScores
from edge_nt.study.study_folder import (
    Job,
    arm_folder,
    is_finished,
    protocol_digest,
    read_study,
    refuse_other_stage1,
)
from edge_nt.study.study_result import RESULT_NAME, TABLE_NAME, ArmTraining, SiteFigures, Study
from edge_nt.study.table import study_table


def summarise_study(out: Path) -> Study:
    """Read every finished arm's scores in `out`, and write study.json and study.md.

    Raises: InputError when the folder holds no study, or a scores.json is not whole.
    """
    record = read_study(out)
    sites = tuple(_site(out, site) for site in record.protocol.sites)
    study = Study(
        edge_nt_version=record.edge_nt_version,
        torch_version=record.torch_version,
        dataset=record.dataset,
        synthetic=record.synthetic,
        tables=record.tables,
        structure=record.protocol.structures[0],
        protocol_sha256=protocol_digest(record.protocol),
        recipe=record.protocol.recipe,
        complete=not any(site.missing for site in sites),
        sites=sites,
        machine=describe_machine(record.threads),
    )
    write_result(out / RESULT_NAME, study)
    write_text(out / TABLE_NAME, study_table(study))
    return study


def _site(out: Path, site: SiteProtocol) -> SiteFigures:
    scores: dict[str, dict[int, ArmScores]] = {}
    missing = []
    for arm in (STAGE1, *site.arms):
        for seed in site.seeds:
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
        sides=side_figures(scores),
        trainings=tuple(_training(each) for by_seed in scores.values() for each in by_seed.values()),
    )


def _refuse_other_stages1(out: Path, scores: dict[str, dict[int, ArmScores]]) -> None:
    """Refuse finished arms whose run folder, where it is kept, says that they branched from another stage 1."""
    for each in (each for by_seed in scores.values() for each in by_seed.values()):
        job, stage1 = Job(each.site, each.seed, each.arm), scores.get(STAGE1, {}).get(each.seed)
        run = arm_folder(out, job)
        if job.arm != STAGE1 and stage1 is not None and (run / "run.json").is_file():
            refuse_other_stage1(run, stage1.checkpoint_sha256)


def _training(scores: ArmScores) -> ArmTraining:
    return ArmTraining(
        arm=scores.arm,
        seed=scores.seed,
        steps=scores.steps,
        checkpoint_sha256=scores.checkpoint_sha256,
        loss_weights=scores.loss_weights,
        gradient_norms=scores.gradient_norms,
    )
