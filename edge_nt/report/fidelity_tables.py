"""Gates of the variants that a bench compared by itself: peers and backends among them."""

from __future__ import annotations

from edge_nt.report.gate_section import comparison_parts
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place


def fidelity_tables(place: Place) -> list[Html]:
    """The gates of each variant, or why it has none."""
    where = f"{place.at('reference').text()}, {place.at('dataset').text()}, {place.at('gate_file', 'name').text()}"
    return [part for each in place.at("variants").each() for part in _variant(each, where)]


def _variant(each: Place, where: str) -> list[Html]:
    name = f"{each.at('variant').text()} against {where}"
    if each.at("comparison").value is None:
        return [paragraph(f"{name}: not compared, {each.at('failed').text()}.")]
    words = joined([element("strong", {}, name), ". "])
    return comparison_parts(name, words, each.at("comparison"))
