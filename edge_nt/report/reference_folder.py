"""Filling the folder of shipped bundles: only with what belongs together, fits, is private to nobody, and is better."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_nt import __version__
from edge_nt.atomic import atomic_folder, write_text
from edge_nt.bundle.manifest import FILE_NAMES, MANIFEST_NAME, VERDICT_NAME
from edge_nt.bundle.output_file import check_output_folder
from edge_nt.bundle.read import Bundle, read_bundle
from edge_nt.bundle.reference import (
    CARD_NAME,
    LARGEST_BYTES,
    README_NAME,
    RECORD_NAME,
    Reference,
    ShippedBundle,
)
from edge_nt.datasets.dataset import Dataset, read_dataset
from edge_nt.digests import sha256_file
from edge_nt.errors import GateFailedError, InputError
from edge_nt.evaluation.summary import SOURCE_VALIDATION
from edge_nt.report.card_study import with_study
from edge_nt.report.model_card import DataSource, model_card
from edge_nt.report.private_words import refuse_private_words
from edge_nt.report.reference_standard import refuse_blind, refuse_worse, standard_of
from edge_nt.report.reference_verdict import shipped_bundle
from edge_nt.report.study import EVALUATION, OOD, VERIFY, Study, read_study
from edge_nt.results import read_result, result_kind, write_result
from edge_nt.training.run_folder import RunInfo, read_run

_SHIPPED_FILES = (MANIFEST_NAME, *FILE_NAMES, VERDICT_NAME)


@dataclass(frozen=True)
class ReferenceParts:
    """What a reference is made of; `study` is the result of `edge-nt study` that the run is from, if there is any.

    `data_root` is where the run's dataset lies, None for where the run says.
    """

    run: Path
    bundles: tuple[Path, ...]
    evaluation: Path
    verify_reports: tuple[Path, ...]
    ood: Path
    study: Path | None = None
    data_root: Path | None = None


def make_reference(
    parts: ReferenceParts, out: Path, *, not_shown_reason: str | None = None, force: bool = False
) -> Reference:
    """Fill `out` with the bundles, their verdicts, the record and the model card, whole or not at all.

    `not_shown_reason` has to be given where a verdict leaves gates of the held-out site open, and only there. `force`
    replaces a reference that is better, or that cannot be compared.
    Raises: InputError when the parts do not belong to one checkpoint, are larger than what may be shipped, name a file
    of the dataset or a path of this machine, or are not better; GateFailedError when a gate failed, or the
    score takes gross corruptions for scans.
    """
    _refuse_foreign(out)
    _refuse_other_kinds(parts)
    info, checkpoint = read_run(parts.run), _checkpoint_of(parts.run)
    dataset = read_dataset(parts.data_root or Path(info.data_root))
    bundles = tuple(map(read_bundle, parts.bundles))
    study = read_study((parts.evaluation, parts.ood, *parts.verify_reports, *parts.bundles))
    _refuse_other_models(study, bundles, checkpoint)
    _refuse_failed(study)
    refuse_blind(study)
    study = with_study(study, parts.study, checkpoint)
    shipped = tuple(shipped_bundle(bundle, _size_bytes(bundle.folder)) for bundle in bundles)
    _refuse_size_and_reason(shipped, not_shown_reason)
    reference = Reference(__version__, checkpoint, standard_of(study, info), shipped, not_shown_reason)
    if not force:
        refuse_worse(reference.standard, out)
    source = _data_source(dataset, bundles[0], info)
    card = model_card(study, source, shipped, not_shown_reason, len(info.train))
    with atomic_folder(out) as folder:
        for bundle in bundles:
            (folder / bundle.folder.resolve().name).mkdir()
            for name in _SHIPPED_FILES:
                shutil.copyfile(bundle.folder / name, folder / bundle.folder.resolve().name / name)
        write_result(folder / RECORD_NAME, reference)
        write_text(folder / CARD_NAME, card)
        refuse_private_words(folder, dataset)
        if (out / README_NAME).is_file():
            shutil.copyfile(out / README_NAME, folder / README_NAME)
    return reference


def _checkpoint_of(run: Path) -> str:
    weights = run / "stage2.safetensors"
    if not weights.is_file():
        raise InputError(
            expected=f"a run with a finished stage 2, {weights.name}",
            got=f"none in {run}",
            fix=f"finish the training with `edge-nt train --resume {run}`",
        )
    return sha256_file(weights)


def _refuse_foreign(out: Path) -> None:
    check_output_folder(out, replaced=True)
    names = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    known = {README_NAME}
    if RECORD_NAME in names:
        older = read_result(out / RECORD_NAME, Reference)
        known |= {RECORD_NAME, CARD_NAME, *(bundle.folder for bundle in older.bundles)}
    if names - known:
        raise InputError(
            expected="a new or empty folder, or an older reference, as --out",
            got=f"{out} with {', '.join(sorted(names - known))} in it",
            fix="name another folder",
        )


def _refuse_other_kinds(parts: ReferenceParts) -> None:
    wanted = [(parts.evaluation, EVALUATION), (parts.ood, OOD), *((path, VERIFY) for path in parts.verify_reports)]
    for path, kind in wanted:
        if (found := result_kind(path)) != kind:
            raise InputError(
                expected=f"{path} as `{kind}` writes it",
                got=f"a file of `{found}`",
                fix="give each option its own file",
            )


def _refuse_other_models(study: Study, bundles: Sequence[Bundle], checkpoint: str) -> None:
    found = [(str(bundle.folder), bundle.manifest.checkpoint_sha256) for bundle in bundles]
    measured = (*study.of(EVALUATION), *study.of(OOD))
    # `edge-nt ood --stage stage1` leaves a file without the stage that ships.
    found += [(file.source.name, file.at("checkpoint_sha256").value.get("stage2", "")) for file in measured]
    found += [(file.source.name, file.at("checkpoint_sha256").text()) for file in study.of(VERIFY)]
    foreign = [name for name, sha256 in found if sha256 != checkpoint]
    judged = {file.at("candidate", "bundle_sha256").text() for file in study.of(VERIFY)}
    foreign += [f"no verify report of {bundle.folder}" for bundle in bundles if bundle.sha256 not in judged]
    foreign += ["a verify report of another bundle"] * bool(judged - {bundle.sha256 for bundle in bundles})
    names = [bundle.folder.resolve().name for bundle in bundles]
    if foreign or not names or len(set(names)) != len(names):
        raise InputError(
            expected="bundles of different names, an evaluation, and a verify report of each bundle, all of "
            f"stage 2, checkpoint {checkpoint[:12]}…",
            got="; ".join(foreign) or f"bundles {', '.join(names)}",
            fix="export, evaluate and verify this run, and name those files",
        )


def _refuse_failed(study: Study) -> None:
    """The card shows these reports; the bundles' verdicts may be of others, judged later or by other gates."""
    for report in study.of(VERIFY):
        for gate in report.at("comparison", "gates").each():
            state, group = gate.at("state").text(), gate.at("group").text()
            if state == "FAIL" or (state != "pass" and group == SOURCE_VALIDATION):
                raise GateFailedError(
                    expected="verify reports of bundles that may ship",
                    got=f"{gate.at('metric').text()} of {group} {state} in {report.source.name}",
                    fix="ship another recipe or precision, or give the report that the bundle's verdict comes from",
                )


def _size_bytes(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in _SHIPPED_FILES if (folder / name).is_file())


def _refuse_size_and_reason(shipped: Sequence[ShippedBundle], reason: str | None) -> None:
    total = sum(bundle.size_bytes for bundle in shipped)
    if total > LARGEST_BYTES:
        raise InputError(
            expected=f"bundles of at most {LARGEST_BYTES / 1e6:g} MB together",
            got=f"{total / 1e6:.1f} MB",
            fix="ship fewer or smaller ones",
        )
    left_open = [f"{gate.metric} of {gate.group}" for bundle in shipped for gate in bundle.not_shown]
    if bool(left_open) != bool(reason and reason.strip()):
        raise InputError(
            expected="--not-shown REASON exactly where verdicts leave gates open",
            got=f"{len(left_open)} gates not shown ({', '.join(dict.fromkeys(left_open))})"
            if left_open
            else "no such gate",
            fix="say why the bundles may be shipped all the same" if left_open else "leave --not-shown out",
        )


def _data_source(dataset: Dataset, bundle: Bundle, info: RunInfo) -> DataSource:
    if dataset.name != info.dataset:
        raise InputError(
            expected=f"the run's dataset {info.dataset}", got=f"{dataset.name} in {dataset.root}", fix="correct --data"
        )
    return DataSource(dataset.name, dataset.licence, dataset.source, bundle.manifest.source_hospitals)
