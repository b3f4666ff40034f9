"""The study folder: what it was begun with, where each arm lies, and which of them are finished.

``protocol.json`` is written first. Each site has a folder, each seed one below it, and each arm a run folder below that
with ``scores.json``, which marks the arm as finished. ``study.json`` and ``study.md`` are the results.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from edge_nt.datasets.dataset import Dataset, read_dataset
from edge_nt.datasets.hospital_split import check_structures, refuse_larger_batch, split_by_hospital
from edge_nt.errors import InputError
from edge_nt.results import read_result, write_result
from edge_nt.study.protocol import STAGE1, Protocol, SiteProtocol
from edge_nt.study.scores import SCORES_NAME
from edge_nt.training.recipe import recipe_from, recipe_values
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import used_pictures

RECORD_NAME = "protocol.json"


@dataclass(frozen=True)
class StudyRecord:
    """What a study was begun with. `tables` maps manifest.csv and boxes.csv to their SHA-256.

    `threads` is fixed from the start: sums over threads round differently, and equal seeds shall give equal results.
    """

    protocol: Protocol
    dataset: str
    synthetic: bool
    tables: dict[str, str]
    threads: int
    edge_nt_version: str
    torch_version: str
    kind: Literal["edge-nt study protocol"] = "edge-nt study protocol"
    schema_version: Literal[1] = 1


@dataclass(frozen=True)
class OpenStudy:
    """A study folder, the dataset folder that it is trained on, and the study's record."""

    out: Path
    data: Path
    record: StudyRecord


@dataclass(frozen=True)
class Job:
    """One training of a study: stage 1 of a site and seed, or an arm that branches from it."""

    site: str
    seed: int
    arm: str

    def __str__(self) -> str:
        return f"{self.site}, seed {self.seed}, {self.arm}"


def open_study(out: Path, wanted: StudyRecord, data_root: Path) -> OpenStudy:
    """The study in `out`, as it was begun or as `wanted` begins or extends it; `begin_study` writes that down.

    Raises: InputError when the folder holds a study of another protocol, dataset or pictures, or a site or structure
    that the dataset has not; LeakageError as `split_by_hospital`.
    """
    dataset = read_dataset(data_root)
    for site in wanted.protocol.sites:
        split = split_by_hospital(dataset, site.held_out, site.sources)
        check_structures(dataset, split, wanted.protocol.structures)
        refuse_larger_batch(int(wanted.protocol.recipe["batch_size"]), split)
    if (out / RECORD_NAME).is_file():
        begun = read_study(out)
        # A study may go on with a later package, which may not train bit for bit the same; it keeps its first name.
        wanted = replace(wanted, edge_nt_version=begun.edge_nt_version, torch_version=begun.torch_version)
        _refuse_changes(out, begun, wanted)
        _refuse_other_pictures(out, dataset, wanted.protocol)
    return OpenStudy(out, data_root, wanted)


def _refuse_other_pictures(out: Path, dataset: Dataset, protocol: Protocol) -> None:
    """Refuse to add to arms that were trained on other pictures, before the first step instead of after the last."""
    for site in protocol.sites:
        runs = (arm_folder(out, job) for job in jobs_of(protocol) if job.site == site.name)
        recorded = {read_run(run).pictures for run in runs if (run / "run.json").is_file()} - {""}
        if not recorded:
            continue
        split = split_by_hospital(dataset, site.held_out, site.sources)
        if recorded != {used_pictures(dataset, split, protocol.preprocess)}:
            raise InputError(
                expected=f"the pictures in {dataset.root} that the arms of {site.name} in {out} were trained on",
                got="others",
                fix="restore the pictures, or name another --out",
            )


def begin_study(study: OpenStudy) -> None:
    """Write the record of a study, before its first arm trains."""
    write_result(study.out / RECORD_NAME, study.record)


def read_study(out: Path) -> StudyRecord:
    """The record of the study in `out`. Raises: InputError when there is none."""
    return read_result(out / RECORD_NAME, StudyRecord)


def protocol_digest(protocol: Protocol) -> str:
    """The SHA-256 of a protocol as canonical JSON; in which order its seeds are trained is left out."""
    sites = tuple(replace(site, seeds=tuple(sorted(site.seeds))) for site in protocol.sites)
    return hashlib.sha256(json.dumps(_plain(replace(protocol, sites=sites)), sort_keys=True).encode()).hexdigest()


def jobs_of(protocol: Protocol) -> tuple[Job, ...]:
    """Every training in the order in which it is begun: seed by seed over all sites, so that early tables compare."""
    places = [(position, site, seed) for site in protocol.sites for position, seed in enumerate(site.seeds)]
    return tuple(
        Job(site.name, seed, arm)
        for _, site, seed in sorted(places, key=lambda place: place[0])
        for arm in (STAGE1, *site.arms)
    )


def site_of(protocol: Protocol, job: Job) -> SiteProtocol:
    """The protocol of a job's site."""
    return next(site for site in protocol.sites if site.name == job.site)


def arm_folder(out: Path, job: Job) -> Path:
    """The run folder of a job; the site's name is escaped so that any name makes one folder."""
    return out / quote(job.site, safe=" ") / f"seed{job.seed}" / job.arm


def stage_of(job: Job) -> str:
    """The name of the stage that a job trains, of which its run folder has files."""
    return "stage1" if job.arm == STAGE1 else "stage2"


def stage1_of(job: Job) -> Job:
    """The job that a job branches from; stage 1 itself for stage 1."""
    return replace(job, arm=STAGE1)


def refuse_other_stage1(run: Path, branched_from: str | None, stage1: str) -> None:
    """Refuse an arm in `run` that branched from another stage 1 than that beside it, both by their SHA-256.

    Raises: InputError.
    """
    if branched_from != stage1:
        raise InputError(
            expected=f"a branch of the stage 1 beside it in {run}",
            got="a branch of one that was trained anew since",
            fix="remove this folder to train it anew",
        )


def is_finished(out: Path, job: Job) -> bool:
    """Whether a job's scores are written, which is the last thing that it does."""
    return (arm_folder(out, job) / SCORES_NAME).is_file()


def _refuse_changes(out: Path, begun: StudyRecord, wanted: StudyRecord) -> None:
    changed = [name for name, (before, after) in _settings(begun, wanted).items() if _plain(before) != _plain(after)]
    for site in begun.protocol.sites:
        now = next((each for each in wanted.protocol.sites if each.name == site.name), None)
        kept = now is not None and (now.held_out, now.sources) == (site.held_out, site.sources)
        if now is None or not kept or set(site.seeds) - set(now.seeds) or set(site.arms) - set(now.arms):
            changed.append(f"site {site.name}")
    if changed:
        raise InputError(
            expected=f"the protocol and data that {out} was begun with, or seeds, sites and arms added to them",
            got=f"another {', '.join(changed)}",
            fix=f"name another --out, or restore what {out / RECORD_NAME} says",
        )


def _settings(begun: StudyRecord, wanted: StudyRecord) -> dict[str, tuple[object, object]]:
    """What may not change, by name, as it was and as it is wanted."""
    pairs: dict[str, tuple[object, object]] = {
        name: (getattr(begun, name), getattr(wanted, name)) for name in ("dataset", "synthetic", "tables", "threads")
    }
    first, second = begun.protocol, wanted.protocol
    for name in ("structures", "precision", "preprocess"):
        pairs[name] = (getattr(first, name), getattr(second, name))
    # A study of an earlier version may lack a setting that came later; it means what it meant.
    before, after = (recipe_values(recipe_from(protocol.recipe)) for protocol in (first, second))
    pairs |= {f"recipe.{name}": (before[name], after[name]) for name in before}
    return pairs


def _plain(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
