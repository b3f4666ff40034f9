"""Warnings where the files on a page are not of one model, or not of one dataset: then tables side by side mislead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edge_nt.report.markup import Html, element
from edge_nt.report.place import Place
from edge_nt.report.study import BUNDLE, CALIPER, CONTROL, EVALUATION, OOD, PROBE, RUN, VERIFY, Study

# Where each kind says which tables it used. A verification names them by field, the others by file.
_TABLES = {
    RUN: "tables",
    CONTROL: "tables",
    EVALUATION: "dataset_tables",
    OOD: "dataset_tables",
    PROBE: "dataset_tables",
    CALIPER: "dataset_tables",
}
_FIELDS = {"manifest.csv": "manifest_csv_sha256", "boxes.csv": "boxes_csv_sha256"}


def mixed_warnings(study: Study) -> list[Html]:
    """One warning for several checkpoints and one for several datasets, where there are."""
    return [*_checkpoints(study), *_datasets(study)]


def warning(*children: str) -> Html:
    """A paragraph that is not to be overlooked."""
    return element("p", {"class": "warning", "role": "note"}, *children)


def _checkpoints(study: Study) -> list[Html]:
    measured = [file for kind in (EVALUATION, OOD, PROBE) for file in study.of(kind)]
    # `edge-nt ood --stage stage1` leaves a file without stage 2.
    stage2 = [place for file in measured if (place := file.at("checkpoint_sha256").find("stage2"))]
    exported = [file.at("checkpoint_sha256") for file in (*study.of(VERIFY), *study.of(BUNDLE))]
    groups = _by_digest((*stage2, *exported))
    if len(groups) < 2:
        return []
    return [
        warning(
            element("strong", {}, "Several checkpoints."), f" These files are of different models: {_told(groups)}."
        )
    ]


def _datasets(study: Study) -> list[Html]:
    found = []
    for table, field in _FIELDS.items():
        named = [tables for kind, key in _TABLES.items() for file in study.of(kind) if (tables := file.find(key))]
        places = [place for tables in named if (place := tables.find(table))]
        places += [file.at("dataset_tables", field) for file in study.of(VERIFY)]
        groups = _by_digest(places)
        if len(groups) > 1:
            found.append(f"{table} is {_told(groups)}")
    if not found:
        return []
    words = f" These files were not made from the same tables: {'; '.join(found)}. Frames or boxes differ."
    return [warning(element("strong", {}, "Several datasets."), words)]


def _by_digest(places: Iterable[Place]) -> Mapping[str, list[str]]:
    """Numbers of the sources by the digest that they hold."""
    groups: dict[str, list[str]] = {}
    for place in places:
        groups.setdefault(place.text(), []).append(f"[{place.source.number}]")
    return groups


def _told(groups: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{digest[:12]} in {', '.join(numbers)}" for digest, numbers in groups.items())
