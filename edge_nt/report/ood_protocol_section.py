"""What the OOD score that ships rejects, beside the method's own: unseen sites, other anatomy, graded corruptions."""

from __future__ import annotations

from edge_nt.evaluation.ood_scores import SEED_SCORE
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, cited, figure, interval, number
from edge_nt.report.table import columns, table

_READING = (
    "AUROC and the share flagged, against held-in validation, at the threshold that keeps 95 % of it: of the score "
    "that bundles ship, and of the Mahalanobis distance alone. An unseen hospital is no error to be caught."
)


def ood_protocols(file: Place) -> list[Html]:
    """A table a stage of one `edge-nt ood` result."""
    title = element("h3", {}, f"Protocols: {file.at('run').text()}")
    default = file.at("default").text()
    return [title, paragraph(_READING), *(_stage(stage, default) for stage in file.at("stages").each())]


def protocol_name(protocol: Place) -> str:
    """A protocol in words, such as ``blur, 2 px sigma``."""
    name, family, level = protocol.at("name").text(), protocol.at("family").text(), protocol.at("level")
    graded = "" if level.value is None else f", {number(level, 'g')} {protocol.at('unit').text()}"
    return f"{name}{graded}" if family == "corruption" else f"{family} {name}"


def figures_of(protocol: Place, score: str) -> Place:
    """The figures of one score in a protocol. Raises: StopIteration when the result has no such score."""
    return next(each for each in protocol.at("figures").each() if each.at("score").text() == score)


def _stage(stage: Place, default: str) -> Html:
    scores = default, SEED_SCORE
    heads = [f"{score}: {what}" for score in scores for what in ("AUROC", "flagged, %")]
    rows = []
    for protocol in stage.at("protocols").each():
        cells = [cell for score in scores for cell in _cells(figures_of(protocol, score))]
        rows.append([protocol_name(protocol), figure(protocol.at("frames"), ".0f"), *cells])
    name = stage.at("stage").text().replace("stage", "stage ")
    caption = joined([f"Out of distribution against held-in validation, {name}. ", cited(stage.at("protocols"))])
    return table(caption, columns(("frames of",), ("n", *heads)), rows)


def _cells(figures: Place) -> tuple[Html, Html]:
    return interval(figures.at("auroc"), ".3f"), figure(figures.at("flagged_share"), ".0f", 100.0)
