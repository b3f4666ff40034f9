"""Gates of the variants that a bench compared by itself: peers and backends among them."""

from __future__ import annotations

from edge_nt.report.gate_section import gate_table
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place


def fidelity_tables(place: Place) -> list[Html]:
    """A table of gates for each variant, folded away where all passed."""
    return [part for each in place.each() for part in _variant(each)]


def _variant(each: Place) -> list[Html]:
    name = f"{each.at('variant').text()} against {each.at('reference').text()}, {each.at('dataset').text()}"
    if each.at("failed").value is not None:
        return [paragraph(f"{name}: not compared, {each.at('failed').value}.")]
    return [gate_table(joined([element("strong", {}, name), ". "]), each.at("verdicts"))]
