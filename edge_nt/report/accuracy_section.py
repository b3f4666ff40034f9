"""Stage 1 beside stage 2 by split and hospital: tables with intervals, and a forest plot of what changed."""

from __future__ import annotations

from edge_nt.report.forest_plot import Estimate, ForestPlot, forest_plot
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, cited, figure, interval, number
from edge_nt.report.study import EVALUATION, Study
from edge_nt.report.table import columns, table

_METRICS = {
    "roi_mae": "ROI MAE",
    "roi_edge_mae": "ROI Edge-MAE",
    "roi_psnr_db": "ROI PSNR, dB",
    "psnr_db": "PSNR, dB",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
}
_READING = (
    "Means over images, with 95 % bootstrap intervals below them; changes are paired by image. They say how far "
    "another draw of images could have come out otherwise, and nothing about another training seed. Arrows point "
    "to better."
)


def accuracy_section(study: Study) -> Html:
    """Tables and forest plot of every evaluation; empty when there is none."""
    files = study.of(EVALUATION)
    if not files:
        return Html("")
    parts = [part for file in files for part in _evaluation(file)]
    title = element("h2", {}, "What stage 2 changed")
    return element("section", {"id": "accuracy"}, title, paragraph(_READING), *parts)


def _evaluation(file: Place) -> list[Html]:
    groups = _told_apart(file.at("groups").each())
    tables = [_table(file, group) for group in groups]
    return [element("h3", {}, f"Run: {file.at('run').text()}"), _forest(file, groups), *tables]


def _told_apart(groups: tuple[Place, ...]) -> tuple[Place, ...]:
    """The groups without the only hospital of a split, which would repeat the split."""
    splits = [group.value["split"] for group in groups]
    return tuple(group for group in groups if group.value["hospital"] is None or splits.count(group.value["split"]) > 2)


def _name(file: Place, group: Place) -> str:
    """The split with its hospital, or with all of them for a whole split."""
    split = group.at("split").value
    all_of_it = [each.value["hospital"] for each in file.at("groups").each() if each.value["split"] == split]
    return f"{split}, {group.value['hospital'] or ' + '.join(name for name in all_of_it if name)}"


def _table(file: Place, group: Place) -> Html:
    # The regions first: they are what the method is for.
    rows = [_row(metric, of) for metric, of in (*_region_metrics(file, group), *_image_metrics(group))]
    words = [element("strong", {}, _name(file, group)), ": ", figure(group.at("images"), ".0f"), " images"]
    for region in group.at("regions").each():
        words += [", ", figure(region.at("images"), ".0f"), f" with {region.at('structure').text()}"]
    if not group.at("regions").value:
        words.append(", none with a region")
    return table(
        joined([*words, ". ", cited(group.at("metrics"), group.at("regions"))]),
        columns(("metric",), ("n", "stage 1", "stage 2", "difference", "relative change")),
        rows,
    )


def _region_metrics(file: Place, group: Place) -> list[tuple[Place, str]]:
    """The metrics of every region of a group, each with what its name needs to be told from another structure's."""
    several = len(file.at("structures").value) > 1
    return [
        (metric, f", {region.at('structure').text()}" if several else "")
        for region in group.at("regions").each()
        for metric in region.at("metrics").each()
    ]


def _image_metrics(group: Place) -> list[tuple[Place, str]]:
    return [(metric, "") for metric in group.at("metrics").each()]


def _row(metric: Place, of: str) -> list[str]:
    is_decibel = metric.at("metric").text().endswith("_db")
    form = ".2f" if is_decibel else ".4f"
    # A ratio of decibels says nothing.
    has_ratio = metric.at("relative_change").value is not None and not is_decibel
    change = interval(metric.at("relative_change"), "+.1f", 100.0, " %") if has_ratio else Html("–")
    stages = [interval(metric.at(stage), form) for stage in ("stage1", "stage2")]
    difference = interval(metric.at("difference"), f"+{form}")
    return [_metric_name(metric, of), figure(metric.at("stage1", "n"), ".0f"), *stages, difference, change]


def _metric_name(metric: Place, of: str) -> str:
    name = metric.at("metric").text()
    return f"{_METRICS.get(name, name)}{of} {'↑' if metric.at('higher_is_better').value else '↓'}"


def _forest(file: Place, groups: tuple[Place, ...]) -> Html:
    drawn: dict[str, list[Estimate]] = {}
    for index, group in enumerate(groups):
        for metric, of in (*_region_metrics(file, group), *_image_metrics(group)):
            is_decibel = metric.at("metric").text().endswith("_db")
            if not is_decibel and metric.value["relative_change"] is not None:
                # Lines of one metric stand together, a line a group.
                drawn.setdefault(_metric_name(metric, of), []).append(_estimate(metric, of, index))
    estimates = tuple(each for lines in drawn.values() for each in lines)
    if not estimates:
        return paragraph("No metric of this evaluation has a relative change to plot.")
    names = tuple(_name(file, group) for group in groups)
    description = "; ".join(f"{each.name} {names[each.series]} {each.words}" for each in estimates) + "."
    title = "Relative change from stage 1 to stage 2, with 95 % intervals"
    drawing = forest_plot(ForestPlot(title, description, "relative change, %", 0.0, estimates, names))
    words = (
        f"{title}. ↓: left of 0 is better; ↑: right of 0 is better. PSNR, in decibels, has no ratio: see the tables. "
    )
    places = (place for group in groups for place in (group.at("metrics"), group.at("regions")))
    place = cited(*places, note="Field relative_change × 100")
    return element("figure", {"class": "wide"}, drawing, element("figcaption", {}, words, place))


def _estimate(metric: Place, of: str, series: int) -> Estimate:
    change = metric.at("relative_change")
    words = [number(change.at(part), "+.1f", 100.0) for part in ("estimate", "low", "high")]
    estimate, low, high = (100.0 * change.at(part).number() for part in ("estimate", "low", "high"))
    return Estimate(_metric_name(metric, of), estimate, low, high, f"{words[0]} % [{words[1]}, {words[2]}]", series)
