"""The list of files that the page was made from."""

from __future__ import annotations

import edge_nt
from edge_nt.report.markup import Html, element, joined
from edge_nt.report.place import Source
from edge_nt.report.study import Study

_READING = (
    "Every number set by this page carries its place, such as [2] groups[0].images: point at it, or follow the "
    "caption. Places are written as in JSON with indices from 0; of a log, [n] is line n + 1. What is computed "
    "here and not read is said so in its caption."
)


def source_section(study: Study) -> Html:
    """Number, name, kind and SHA-256 of every file."""
    items = [_item(file.source) for file in study.files]
    title = element("h2", {}, "Sources")
    made = element("p", {}, f"Made by edge-nt {edge_nt.__version__}.")
    return element("footer", {"id": "sources"}, title, element("p", {}, _READING), element("ol", {}, *items), made)


def _item(source: Source) -> Html:
    digest = element("code", {"class": "digest"}, source.sha256)
    words = joined([element("strong", {}, source.name), f", {source.kind}, SHA-256 ", digest])
    return element("li", {"id": f"source-{source.number}", "value": str(source.number)}, words)
