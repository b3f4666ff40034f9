"""Every gate of every verification: the interval of its loss against the limit, and what is reported beside it."""

from __future__ import annotations

from edge_nt.report.forest_plot import Estimate, ForestPlot, forest_plot
from edge_nt.report.head_section import state_mark
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, bounds, cited, figure, interval, number, signed
from edge_nt.report.study import VERIFY, Study
from edge_nt.report.table import Column, columns, table

_READING = (
    "Each bundle against its FP32 reference, over the same frames. A gate passes when the whole interval of the loss "
    "clears its limit; below 0 is a gain. It is not shown where the interval reaches beyond the limit, or too few "
    "frames can be measured, and then the bundle has not passed either. Every gate holds on source validation and on "
    "the held-out hospital on their own."
)


def gate_section(study: Study) -> Html:
    """A drawing and a table of gates for each verification; says what is missing when there is none."""
    files = study.of(VERIFY)
    title = element("h2", {}, "Gates")
    if not files:
        missing = paragraph("No result of edge-nt verify was named: what lower precision costs is not shown.")
        return element("section", {"id": "gates"}, title, missing)
    parts = [part for file in files for part in _verification(file)]
    return element("section", {"id": "gates"}, title, paragraph(_READING), *parts)


def comparison_parts(name: str, words: Html, comparison: Place) -> list[Html]:
    """The gates of one comparison with their drawing, AUROC, and figures by group and site; `name` is in plain text."""
    gates = comparison.at("gates")
    groups = dict.fromkeys(gate.at("group").text() for gate in gates.each())
    parts = [_plot(name, gates), *(_gate_table(joined([words, group, ". "]), gates, group) for group in groups)]
    if comparison.at("auroc").value is not None:
        parts.append(_auroc(comparison.at("auroc")))
    return [*parts, _sites(comparison), _calipers(comparison)]


def _gate_table(words: Html, gates: Place, group: str) -> Html:
    names = ("reference", "candidate", "loss", "limit", "frames")
    head = (*columns(("gate",), names), *columns(("verdict",)))
    rows = [_row(gate) for gate in gates.each() if gate.at("group").value == group]
    return table(joined([words, cited(gates)]), head, rows)


def _verification(file: Place) -> list[Html]:
    candidate, reference = (
        f"{side.at('folder').text()} ({side.at('precision').text()}, {side.at('backend').text()})"
        for side in (file.at("candidate"), file.at("reference"))
    )
    name = f"{candidate} against {reference}"
    gate_file = file.at("gate_file")
    words = f"Region {file.at('structure').text()}, {file.at('dataset').text()}, {gate_file.at('name').text()}. "
    said = [] if gate_file.at("caliper_not_gated").value is None else [_not_gated(gate_file)]
    return [element("h3", {}, name), *said, *comparison_parts(name, joined([words]), file.at("comparison"))]


def _not_gated(gate_file: Place) -> Html:
    return paragraph(f"Calipers were not gated: {gate_file.at('caliper_not_gated').text()} ", cited(gate_file))


def _plot(name: str, gates: Place) -> Html:
    drawn = [gate for gate in gates.each() if gate.at("bounds").value is not None and gate.at("limit").number() > 0]
    if not drawn:
        return paragraph("No gate could be measured, so there is nothing to draw.")
    groups = tuple(dict.fromkeys(gate.at("group").text() for gate in drawn))
    # By metric, so that the groups stand one below the other.
    metrics = list(dict.fromkeys(gate.at("metric").text() for gate in drawn))
    ordered = sorted(drawn, key=lambda gate: metrics.index(gate.at("metric").text()))
    title, axis = f"Loss as a share of its limit, {name}", "loss / limit; right of the line is beyond the gate"
    plot = ForestPlot(title, _told(drawn), axis, 1.0, tuple(_estimate(gate, groups) for gate in ordered), groups)
    words = "Loss and its interval as a share of the limit, cut off at three limits. "
    caption = element("figcaption", {}, words, cited(gates, note="Shares are computed here"))
    return element("figure", {"class": "wide"}, forest_plot(plot), caption)


# Beyond this a gate is far from passing, and drawing how far would squeeze all the others into a corner.
_DRAWN_LIMITS = 3.0


def _estimate(gate: Place, groups: tuple[str, ...]) -> Estimate:
    limit, found = gate.at("limit").number(), gate.at("bounds")
    shares = [found.at(end).number() / limit for end in ("estimate", "low", "high")]
    estimate, low, high = (max(min(share, _DRAWN_LIMITS), -_DRAWN_LIMITS) for share in shares)
    return Estimate(
        gate.at("metric").text(), estimate, low, high, _figures(gate), groups.index(gate.at("group").text())
    )


def _figures(gate: Place) -> str:
    found = gate.at("bounds")
    return f"{number(found.at('estimate'), '.3g')}, up to {number(found.at('high'), '.3g')} {gate.at('unit').text()}"


def _told(gates: list[Place]) -> str:
    return "; ".join(
        f"{gate.at('metric').text()}, {gate.at('group').text()}: {_figures(gate)} of {number(gate.at('limit'), 'g')}, "
        f"{gate.at('state').text()}"
        for gate in gates
    )


def _row(gate: Place) -> list[str]:
    sides = [
        "–" if gate.at(side).value is None else figure(gate.at(side), ".4g") for side in ("reference", "candidate")
    ]
    found, limit = gate.at("bounds"), figure(gate.at("limit"), "g")
    verdict = joined([state_mark(gate.at("state").text()), *_reason(gate)])
    if found.value is None:
        return [_gate_name(gate), *sides, "–", limit, "–", verdict]
    loss = joined([figure(found.at("estimate"), ".4g"), bounds(found.at("low"), found.at("high"), ".4g")])
    return [_gate_name(gate), *sides, loss, limit, figure(found.at("n"), ".0f"), verdict]


def _gate_name(gate: Place) -> Html:
    """The gate with its unit, and below it how its interval was made and how sure the upper end is."""
    name, found = f"{gate.at('metric').text()}, {gate.at('unit').text()}", gate.at("bounds")
    if found.value is None:
        return joined([name])
    sure = found.at("method").text(), ", ", figure(found.at("confidence"), ".1f", 100.0), " %"
    return joined([name, element("span", {"class": "note"}, *sure)])


def _reason(gate: Place) -> list[str]:
    reason = gate.at("reason").text()
    return [f": {reason}"] if reason else []


def _auroc(place: Place) -> Html:
    head = columns(("AUROC",), ("reference", "candidate", "change"))
    cells = [interval(place.at(side), ".3f") for side in ("reference", "candidate")]
    row = ["held-out hospital against source validation", *cells, interval(place.at("change"), "+.4f")]
    return table(joined(["OOD score, not gated. ", cited(place)]), head, [row])


def _sites(comparison: Place) -> Html:
    names = ("frames", "with region", "region |difference|, gray levels", "PSNR change, dB", "OOD shift", "OOD flips")
    words = "By group, hospital and scanner, not gated. A flip is a frame whose OOD verdict changed. "
    groups = comparison.at("groups"), comparison.at("sites")
    place = cited(*groups, note="PSNR change is candidate − reference, computed here")
    head = columns(("group",), (*names, "least latent cosine"))
    return table(joined([words, place]), head, [_site(group) for each in groups for group in each.each()])


def _site(group: Place) -> list[str]:
    has_region = group.at("roi").value is not None
    difference = figure(group.at("roi", "difference_grey_levels"), ".3f") if has_region else "–"
    change = group.at("candidate_psnr_db").number() - group.at("reference_psnr_db").number()
    counts = figure(group.at("frames"), ".0f"), figure(group.at("roi_frames"), ".0f")
    shift, flips = figure(group.at("ood_median_shift"), ".4f"), figure(group.at("flips"), ".0f")
    cosine = figure(group.at("latent_cosine_least"), ".5f")
    return [group.at("group").text(), *counts, difference, signed(change, "+.3f"), shift, flips, cosine]


def _calipers(comparison: Place) -> Html:
    """In how many frames the band is measurable, in scan and reconstructions, and how far readings drift."""
    groups = [group for each in ("groups", "sites") for group in comparison.at(each).each()]
    measured = [group for group in groups if group.at("calipers").value is not None]
    names = ("with region", "scans measurable", "in reference", "in candidate", "median drift", "p95", "bias")
    words = (
        "Calipers by group, hospital and scanner: frames in which the band can be measured, and candidate − reference "
        "of the readings. What of this is gated stands in the tables of gates. "
    )
    head = (*columns(("group",), names), Column("unit", is_text=True))
    return table(
        joined([words, cited(comparison.at("groups"), comparison.at("sites"))]),
        head,
        [_caliper_row(group) for group in measured],
    )


def _caliper_row(group: Place) -> list[str]:
    return [group.at("group").text(), figure(group.at("roi_frames"), ".0f"), *_caliper_cells(group.at("calipers"))]


def _caliper_cells(calipers: Place) -> list[str]:
    shares = [figure(calipers.at(f"{side}_measurable"), ".0f") for side in ("scan", "reference", "candidate")]
    drift = calipers.at("drift")
    if drift.value is None:
        return [*shares, "–", "–", "–", "–"]
    sizes = figure(drift.at("median"), ".3f"), figure(drift.at("p95"), ".3f"), figure(drift.at("bias"), "+.3f")
    return [*shares, *sizes, drift.at("unit").text()]
