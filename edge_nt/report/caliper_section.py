"""What the caliper reads: on scans and reconstructions of a dataset, and on phantoms whose thickness is known."""

from __future__ import annotations

from edge_nt.report.forest_plot import Estimate, ForestPlot, forest_plot
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, bounds, cited, figure, moment, number
from edge_nt.report.study import CALIPER, CALIPER_STUDY, Study
from edge_nt.report.table import Column, columns, table
from edge_nt.workbench.caliper_report import COMPARED, READ_IMAGES

_READING = (
    "Thickness of the band, inner border to inner border, inside its box. In brackets are 95 % limits of agreement "
    "(mean ± 1.96 standard deviations of the differences): where single readings lie, not how sure the mean is."
)
_AGREEMENT = ("n", "bias", "median", "mean |difference|")


def caliper_section(study: Study) -> Html:
    """Tables and a drawing of every result of `edge-nt caliper`; empty when there is none."""
    parts = [part for file in study.of(CALIPER) for part in _dataset(file)]
    parts += [part for file in study.of(CALIPER_STUDY) for part in _phantoms(file)]
    if not parts:
        return Html("")
    return element("section", {"id": "caliper"}, element("h2", {}, "Caliper"), paragraph(_READING), *parts)


def _dataset(file: Place) -> list[Html]:
    groups = file.at("groups").each()
    bundle = file.at("bundle")
    made = "" if bundle.value is None else f", bundle {bundle.text()} ({file.at('precision').text()})"
    title = element("h3", {}, f"{file.at('structure').text()}, {file.at('dataset').text()}{made}{_when(file)}")
    covered = [
        [group.at("group").text(), name, *_coverage(group.at(key)), _reasons(group.at(key))]
        for group in groups
        for key, name in READ_IMAGES.items()
        if group.at(key).value is not None
    ]
    compared = [
        (group.at("group").text(), name, group.at(key))
        for group in groups
        for key, name in COMPARED.items()
        if group.at(key).value is not None
    ]
    head = (*columns(("group", "image"), ("n", "measurable")), Column("why not", is_text=True))
    parts = [title, table(joined(["Where the band can be measured. ", cited(file.at("groups"))]), head, covered)]
    if not compared:
        return [*parts, paragraph("No two readings can be compared.")]
    rows = [[group, name, *_agreement(each)] for group, name, each in compared]
    caption = joined(["How far readings differ, first minus second. ", cited(file.at("groups"))])
    return [*parts, table(caption, columns(("group", "what"), _AGREEMENT), rows)]


def _phantoms(file: Place) -> list[Html]:
    count = figure(file.at("phantoms"), ",.0f")
    title = element(
        "h3", {}, "SYNTHETIC: ", count, " phantoms of known thickness, seed ", file.at("seed").text(), _when(file)
    )
    rows = file.at("rows").each()
    cells = [
        [f"{row.at('name').text()}, {row.at('size').text()}", *_coverage(row.at("coverage")), *_phantom(row)]
        for row in rows
    ]
    head = columns(("phantoms, at size",), ("n", "measurable", "bias, mm", "bias, px"))
    caption = joined(["Measured minus true. ", cited(file.at("rows"))])
    return [title, *_drawing(file, rows), table(caption, head, cells)]


def _when(file: Place) -> str:
    """Date and version, which early results have not."""
    measured = file.find("measured_utc")
    return "" if measured is None else f", {moment(measured)}, edge-nt {file.at('edge_nt_version').text()}"


def _drawing(file: Place, rows: tuple[Place, ...]) -> list[Html]:
    drawn = [row for row in rows if row.at("table").value == "thickness" and row.at("mm").value is not None]
    if not drawn:
        return []
    sizes = tuple(dict.fromkeys(row.at("size").text() for row in drawn))
    names = list(dict.fromkeys(row.at("name").text() for row in drawn))
    ordered = sorted(drawn, key=lambda row: names.index(row.at("name").text()))
    estimates = tuple(_estimate(row, sizes) for row in ordered)
    words = "; ".join(f"{each.name}, {sizes[each.series]}: {each.words}" for each in estimates)
    plot = ForestPlot("Measured minus true thickness", f"{words}.", "measured − true, mm", 0.0, estimates, sizes)
    caption = element("figcaption", {}, "Bias with 95 % limits, by true thickness in mm. ", cited(file.at("rows")))
    return [element("figure", {"class": "wide"}, forest_plot(plot), caption)]


def _estimate(row: Place, sizes: tuple[str, ...]) -> Estimate:
    mm = row.at("mm")
    bias, low, high = (mm.at(end).number() for end in ("bias", "low", "high"))
    words = f"{number(mm.at('bias'), '+.2f')} [{number(mm.at('low'), '+.2f')}, {number(mm.at('high'), '+.2f')}] mm"
    return Estimate(row.at("name").text(), bias, low, high, words, sizes.index(row.at("size").text()))


def _coverage(place: Place) -> tuple[Html, Html]:
    return figure(place.at("n"), ".0f"), figure(place.at("measurable"), ".0f")


def _reasons(place: Place) -> str:
    return "; ".join(f"{each.at('reason').text()}: {each.at('count').text()}" for each in place.at("refusals").each())


def _agreement(place: Place) -> list[Html]:
    unit = place.at("unit").text()
    form = ".3f" if unit == "mm" else ".2f"
    return [
        figure(place.at("n"), ".0f"),
        joined([_limits(place, form), f" {unit}"]),
        figure(place.at("median"), f"+{form}"),
        figure(place.at("mean_absolute"), form),
    ]


def _phantom(row: Place) -> list[Html]:
    forms = {"mm": ".3f", "px": ".2f"}
    return [Html("–") if row.at(unit).value is None else _limits(row.at(unit), form) for unit, form in forms.items()]


def _limits(place: Place, form: str) -> Html:
    return joined([figure(place.at("bias"), f"+{form}"), bounds(place.at("low"), place.at("high"), f"+{form}")])
