"""Out-of-distribution scores: histograms against source validation, and ROC curves."""

from __future__ import annotations

from edge_nt.report.histogram_plot import HistogramPlot, histogram_plot
from edge_nt.report.line_plot import LinePlot, Series, line_plot
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.ood_protocol_section import ood_protocols
from edge_nt.report.place import Place, cited, figure, number
from edge_nt.report.roc_curve import roc_points, share_above
from edge_nt.report.study import EVALUATION, OOD, Study
from edge_nt.report.table import columns, table

_READING = (
    "The score of an evaluation is the method's own, the Mahalanobis distance of a frame's latent to the nearest "
    "source hospital; a frame above the threshold, which keeps 95 % of source validation, is called out of "
    "distribution. The unseen hospital is no error to be caught: a high AUROC there says that the model can tell the "
    "site, which burned-in text alone may allow."
)


def ood_section(study: Study) -> Html:
    """Histograms, ROC curves and figures of every evaluation, and the protocols of `edge-nt ood`, if there are any."""
    files, protocols = study.of(EVALUATION), study.of(OOD)
    if not files and not protocols:
        return Html("")
    parts = [part for file in files for part in _evaluation(file)]
    parts += [part for file in protocols for part in ood_protocols(file)]
    title = element("h2", {}, "Out of distribution")
    return element("section", {"id": "ood"}, title, *([paragraph(_READING)] if files else []), *parts)


def _evaluation(file: Place) -> list[Html]:
    stages = file.at("ood").each()
    plots = [plot for stage in stages for plot in (_histograms(stage), _roc(stage))]
    title = element("h3", {}, f"Run: {file.at('run').text()}")
    return [title, element("div", {"class": "plots"}, *plots), _table(file, stages)]


def _histograms(stage: Place) -> Html:
    name, threshold = _stage(stage), stage.at("threshold")
    sets = [("source validation", stage.at("validation_scores"))]
    sets += [(each.at("name").text(), each.at("scores")) for each in stage.at("comparisons").each()]
    named = tuple((f"{words}, {len(scores.value)} frames", tuple(scores.value)) for words, scores in sets)
    above = [f"{words} {100 * share_above(scores.value, threshold.value):.0f} % above it" for words, scores in sets]
    limit = f"threshold {number(threshold, '.2f')}"
    plot = HistogramPlot(
        title=f"OOD scores, {name}",
        description=f"{limit}: " + "; ".join(above) + ".",
        x_name="Mahalanobis score",
        sets=named,
        threshold=threshold.number(),
        threshold_name=limit,
    )
    caption = f"OOD scores, {name}. Each set's bars are drawn to its own tallest one. "
    return _figure(histogram_plot(plot), caption, *(scores for _, scores in sets), threshold)


def _roc(stage: Place) -> Html:
    inside, threshold = stage.at("validation_scores"), stage.at("threshold").number()
    series, words = [], []
    for each in stage.at("comparisons").each():
        scores, title = each.at("scores").value, f"{each.at('name').text()}, AUROC {number(each.at('auroc'), '.3f')}"
        at = share_above(inside.value, threshold), share_above(scores, threshold)
        told = f"at the threshold {100 * at[1]:.0f} % are flagged, and {100 * at[0]:.0f} % of source validation"
        series.append(Series(title, roc_points(inside.value, scores), ((at, f"{title}: {told}"),)))
        words.append(f"{title}; {told}")
    plot = LinePlot(
        title=f"ROC, {_stage(stage)}",
        description=". ".join(words) + ".",
        x_name="share of source validation flagged",
        y_name="share of the other set flagged",
        series=tuple(series),
        x_limits=(0.0, 1.0),
        y_limits=(0.0, 1.0),
    )
    caption = f"ROC, {_stage(stage)}. The mark on a curve is the threshold. "
    return _figure(line_plot(plot, 540, 330), caption, inside, stage.at("comparisons"))


def _table(file: Place, stages: tuple[Place, ...]) -> Html:
    rows = [_row(stage, each) for stage in stages for each in stage.at("comparisons").each()]
    names = ("frames", "median score", "validation median", "threshold", "AUROC", "FPR at 95 % kept")
    words = "Out of distribution against source validation. AUROC 0.5 is chance; FPR is the share that passes. "
    return table(joined([words, cited(file.at("ood"))]), columns(("set", "stage"), names), rows)


def _row(stage: Place, each: Place) -> list[str]:
    medians = figure(each.at("median_score"), ".2f"), figure(stage.at("validation_median_score"), ".2f")
    rates = figure(each.at("auroc"), ".3f"), joined([figure(each.at("fpr_at_95_tpr"), ".1f", 100.0), " %"])
    frames, threshold = figure(each.at("frames"), ".0f"), figure(stage.at("threshold"), ".2f")
    return [each.at("name").text(), _stage(stage), frames, *medians, threshold, *rates]


def _stage(stage: Place) -> str:
    return stage.at("stage").text().replace("stage", "stage ")


def _figure(drawing: Html, words: str, *places: Place) -> Html:
    return element("figure", {}, drawing, element("figcaption", {}, words, cited(*places)))
