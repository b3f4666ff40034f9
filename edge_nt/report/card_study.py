"""What a study says of the recipe behind a shipped model: stage 2 against the control, over seeds and sites."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from edge_nt.digests import sha256_file
from edge_nt.errors import InputError
from edge_nt.report.markdown import cited, markdown_table, number_interval, plain
from edge_nt.report.place import Place, Source, number
from edge_nt.report.study import CONTROL, Study
from edge_nt.results import read_result
from edge_nt.study.study_result import Study as StudyResult


def with_study(files: Study, path: Path | None, checkpoint: str) -> Study:
    """The files with study.json as their last, when there is one.

    Raises: InputError when it cannot be read, or none of its trainings gave the checkpoint.
    """
    if path is None:
        return files
    found = read_result(path, StudyResult)
    if not any(each.checkpoint_sha256 == checkpoint for site in found.sites for each in site.trainings):
        raise InputError(
            expected=f"a study with a training that gave checkpoint {checkpoint[:12]}…",
            got=f"none in {path}",
            fix="name the study that the run is from, or leave --study out",
        )
    source = Source(len(files.files) + 1, path.resolve(), path.name, CONTROL, sha256_file(path))
    return Study((*files.files, Place(source, "", json.loads(path.read_text(encoding="utf-8")))))


def study_parts(study: Place) -> Iterator[str]:
    """A table for each side of each held-out site: what each arm changed against which other."""
    for site in study.at("sites").each():
        for side in site.at("sides").each():
            words = f"{site.at('name').text()}, {side.at('side').text()}"
            yield f"**{plain(words)}** ({number(side.at('images'), '.0f')} images; {cited(side)})"
            rows = [row for each in side.at("comparisons").each() for row in _rows(each)]
            yield markdown_table(("arm", "against", "seeds", "metric", "change", "from"), rows)


def _rows(comparison: Place) -> Iterator[tuple[str, ...]]:
    arms = (plain(comparison.at(name).text()) for name in ("arm", "against"))
    fixed = (*arms, str(len(comparison.at("seeds").value)))
    for change in comparison.at("changes").each():
        interval = change.find("interval")
        if interval is not None:
            relative = change.at("kind").text() == "relative"
            shown = number_interval(interval, "+.2f" if relative else "+.4f", 100.0 if relative else 1.0)
            structure = change.find("structure")
            inside = "" if structure is None else f", {structure.text()}"
            yield (
                *fixed,
                plain(change.at("metric").text() + inside),
                shown + (" %" if relative else ""),
                cited(change),
            )
