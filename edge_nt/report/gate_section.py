"""Every gate of every verification: reference, candidate, change, limit, verdict."""

from __future__ import annotations

from edge_nt.report.head_section import verdict_mark
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, cited, figure, signed
from edge_nt.report.study import VERIFY, Study
from edge_nt.report.table import Column, columns, table

_READING = (
    "Each bundle against its FP32 reference, over the same frames. A change up to the limit passes; below 0 is a "
    "gain. Every gate holds on source validation and on the held-out hospital on their own."
)


def gate_section(study: Study) -> Html:
    """A table of gates for each verification; says what is missing when there is none."""
    files = study.of(VERIFY)
    title = element("h2", {}, "Gates")
    if not files:
        missing = paragraph("No result of edge-nt verify was named: what lower precision costs is not shown.")
        return element("section", {"id": "gates"}, title, missing)
    parts = [part for file in files for part in _verification(file)]
    return element("section", {"id": "gates"}, title, paragraph(_READING), *parts)


def gate_table(words: Html, gates: Place) -> Html:
    """The gates of one comparison, below `words` about which it is."""
    names = ("reference", "candidate", "change", "limit")
    head = (*columns(("gate", "group"), names), Column("verdict", is_text=True))
    return table(joined([words, cited(gates)]), head, [_row(gate) for gate in gates.each()])


def _verification(file: Place) -> list[Html]:
    candidate, reference = (
        f"{side.at('folder').text()} ({side.at('precision').text()}, {side.at('backend').text()})"
        for side in (file.at("candidate"), file.at("reference"))
    )
    title = element("h3", {}, f"{candidate} against {reference}")
    words = joined(
        [f"Region {file.at('structure').text()}, {file.at('dataset').text()}, {file.at('gate_file').text()}. "]
    )
    return [title, gate_table(words, file.at("verdicts")), _hospitals(file.at("hospitals"))]


def _row(gate: Place) -> list[str]:
    sides = [
        "–" if gate.at(side).value is None else figure(gate.at(side), ".4g") for side in ("reference", "candidate")
    ]
    limits = figure(gate.at("change"), "+.4f"), figure(gate.at("limit"), "g")
    name = f"{gate.at('metric').text()}, {gate.at('unit').text()}"
    return [name, gate.at("group").text(), *sides, *limits, verdict_mark(bool(gate.at("passed").value))]


def _hospitals(groups: Place) -> Html:
    names = ("frames", "with region", "region |difference|, gray levels", "PSNR change, dB", "OOD shift", "OOD flips")
    words = "By hospital, not gated. A flip is a frame whose OOD verdict changed. "
    place = cited(groups, note="PSNR change is candidate − reference, computed here")
    return table(
        joined([words, place]), columns(("hospital",), names), [_hospital_row(group) for group in groups.each()]
    )


def _hospital_row(group: Place) -> list[str]:
    has_region = group.at("roi").value is not None
    difference = figure(group.at("roi", "difference_grey_levels"), ".3f") if has_region else "–"
    change = group.at("candidate_psnr_db").number() - group.at("reference_psnr_db").number()
    counts = figure(group.at("frames"), ".0f"), figure(group.at("roi_frames"), ".0f")
    shift, flips = figure(group.at("ood_median_shift"), ".4f"), figure(group.at("flips"), ".0f")
    return [group.at("group").text(), *counts, difference, signed(change, "+.3f"), shift, flips]
