"""What `edge-nt study` found: each arm against the control and stage 1, at every held-out site, over seeds."""

from __future__ import annotations

from edge_nt.report.forest_plot import Estimate, ForestPlot, forest_plot
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, cited, figure, interval, number
from edge_nt.report.study import CONTROL, Study
from edge_nt.report.table import columns, table

_READING = (
    "The control is stage 1 continued, for as many steps on the same schedule: stage 2 against it is what the method "
    "gave, control against stage 1 what more training alone gave. Intervals are paired 95 % bootstraps over images, "
    "each averaged over the seeds first; what single seeds gave stands beside them. Arrows point to better."
)
_METRICS = {
    "psnr_db": "PSNR, dB",
    "ms_ssim": "MS-SSIM",
    "roi_mae": "ROI MAE",
    "roi_edge_mae": "ROI Edge-MAE",
    "roi_psnr_db": "ROI PSNR, dB",
    "caliper_measurable": "measured by the caliper",
}


def control_section(study: Study) -> Html:
    """A forest plot and tables for each held-out site of every study; empty when there is none."""
    files = study.of(CONTROL)
    if not files:
        return Html("")
    parts = [part for file in files for part in _study(file)]
    title = element("h2", {}, "The method against more training")
    return element("section", {"id": "control"}, title, paragraph(_READING), *parts)


def _study(file: Place) -> list[Html]:
    parts = [element("h3", {}, f"Study of {file.at('dataset').text()}")]
    if not file.at("complete").value:
        missing = [name.text() for site in file.at("sites").each() for name in site.at("missing").each()]
        parts.append(paragraph(f"NOT FINISHED, {len(missing)} trainings are missing: {'; '.join(missing)}."))
    for site in file.at("sites").each():
        sides = site.at("sides").each()
        if sides:
            parts += [_forest(site, sides), *(part for side in sides for part in _side(site, side))]
    return parts


def _side(site: Place, side: Place) -> list[Html]:
    words = [element("strong", {}, _name(site, side)), ": ", figure(side.at("images"), ".0f"), " images. "]
    scores = [row for arm in side.at("arms").each() for row in _scores(arm)]
    changes = [row for each in side.at("comparisons").each() for row in _changes(each)]
    change_heads = ("change", "single seeds", "seeds that agree")
    return [
        table(
            joined([*words, "Scores, mean ± standard deviation over seeds. ", cited(side.at("arms"))]),
            columns(("arm", "metric"), ("seeds", "mean", "± sd")),
            scores,
        ),
        table(
            joined([*words, "Changes. ", cited(side.at("comparisons"))]),
            columns(("arm", "against", "metric"), change_heads),
            changes,
        ),
    ]


def _scores(arm: Place) -> list[list[str]]:
    seeds = str(len(arm.at("seeds").value))
    return [
        [
            arm.at("arm").text(),
            _metric(each),
            seeds,
            figure(each.at("mean"), ".4f"),
            Html("–") if each.at("sd").value is None else figure(each.at("sd"), ".4f"),
        ]
        for each in arm.at("metrics").each()
    ]


def _changes(comparison: Place) -> list[list[str]]:
    arms = [comparison.at(name).text() for name in ("arm", "against")]
    rows = []
    for change in comparison.at("changes").each():
        if change.find("interval") is None:
            continue
        form, factor, unit = _form(change)
        singles = [figure(each, form, factor) for each in change.at("per_seed").each()]
        agreeing = joined([figure(change.at("seeds_agreeing"), ".0f"), f" of {len(singles)}"])
        estimate = interval(change.at("interval"), form, factor, unit)
        rows.append(
            [*arms, _metric(change), estimate, joined([part for each in singles for part in (each, " ")]), agreeing]
        )
    return rows


def _forest(site: Place, sides: tuple[Place, ...]) -> Html:
    """Relative changes of errors alone: decibels and shares have no ratio."""
    estimates = tuple(
        _estimate(comparison, change, series)
        for series, side in enumerate(sides)
        for comparison in side.at("comparisons").each()
        for change in comparison.at("changes").each()
        if change.at("kind").value == "relative" and change.find("interval") is not None
    )
    if not estimates:
        return paragraph("No metric of this site has a relative change to plot.")
    ordered = tuple(sorted(estimates, key=lambda each: each.name))
    names = tuple(_name(site, side) for side in sides)
    description = "; ".join(f"{each.name} {names[each.series]} {each.words}" for each in ordered) + "."
    title = f"Relative change, {site.at('name').text()} held out, with 95 % intervals"
    drawing = forest_plot(ForestPlot(title, description, "relative change, %", 0.0, ordered, names))
    place = cited(*(side.at("comparisons") for side in sides), note="Field interval × 100")
    return element("figure", {"class": "wide"}, drawing, element("figcaption", {}, f"{title}. ", place))


def _estimate(comparison: Place, change: Place, series: int) -> Estimate:
    bounds = change.at("interval")
    words = [number(bounds.at(part), "+.1f", 100.0) for part in ("estimate", "low", "high")]
    estimate, low, high = (100.0 * bounds.at(part).number() for part in ("estimate", "low", "high"))
    name = f"{_metric(change)}: {comparison.at('arm').text()} − {comparison.at('against').text()}"
    return Estimate(name, estimate, low, high, f"{words[0]} % [{words[1]}, {words[2]}]", series)


def _form(change: Place) -> tuple[str, float, str]:
    if change.at("kind").value == "relative":
        return "+.1f", 100.0, " %"
    return ("+.2f" if change.at("metric").text().endswith("_db") else "+.4f"), 1.0, ""


def _metric(place: Place) -> str:
    name = place.at("metric").text()
    structure = place.find("structure")
    inside = "" if structure is None else f" in {structure.text()}"
    return f"{_METRICS.get(name, name)}{inside} {'↑' if place.at('higher_is_better').value else '↓'}"


def _name(site: Place, side: Place) -> str:
    return f"{site.at('name').text()} held out, {side.at('side').text()}"
