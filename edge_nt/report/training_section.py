"""How training went: loss curves of both stages, validation, and where stage 2's weights come from."""

from __future__ import annotations

from edge_nt.report.line_plot import LinePlot, Point, Series, line_plot
from edge_nt.report.markup import Html, element, joined
from edge_nt.report.place import Place, cited, figure
from edge_nt.report.study import RUN, Study
from edge_nt.report.table import columns, table

_TERMS = {"ms_ssim": "MS-SSIM", "roi_l1": "ROI L1", "roi_edge_l1": "ROI edge L1"}


def training_section(study: Study) -> Html:
    """Curves and weights of every run with a log; empty when no run was named."""
    logs = [(run, log) for run in study.of(RUN) if (log := study.log_of(run)) is not None]
    parts = [part for run, log in logs for part in _run(run, log)]
    if not parts:
        return Html("")
    return element("section", {"id": "training"}, element("h2", {}, "Training"), *parts)


def _run(run: Place, log: Place) -> list[Html]:
    name = run.source.path.parent.name
    steps = [event for event in log.each() if event.value["event"] == "step"]
    checks = [event for event in log.each() if event.value["event"] == "validate"]
    calibrations = [event for event in log.each() if event.value["event"] == "calibrate"]
    figures = [_loss(name, log, steps, stage) for stage in (1, 2) if _of(steps, stage)]
    # A run that took its stage 1 over from another structure's has no figures inside its own regions there.
    measured = {term: [event for event in checks if term in event.value] for term in _TERMS}
    figures += [_validation(name, run, log, of_term, term) for term, of_term in measured.items() if of_term]
    plots = [element("div", {"class": "plots"}, *figures)] if figures else []
    return [element("h3", {}, f"Run: {name}"), *plots, *(_weights(event) for event in calibrations[-1:])]


def _of(events: list[Place], stage: int) -> list[Place]:
    return [event for event in events if event.value["stage"] == stage]


def _loss(name: str, log: Place, steps: list[Place], stage: int) -> Html:
    points = _points(_of(steps, stage), "loss")
    (first_x, first), (last_x, last) = points[0], points[-1]
    description = f"Loss falls from {first:.4g} at step {first_x:,.0f} to {last:.4g} at step {last_x:,.0f}."
    if last > first:
        description = description.replace("falls", "rises")
    title = f"Stage {stage} loss, run {name}"
    marks = ((0.0, "weights set by gradient norms"),) if stage == 2 else ()
    plot = LinePlot(title, description, "step", "loss", (Series("training loss", points),), marks, (0.0, last_x))
    caption = f"Stage {stage}: {_LOSSES[stage]} against step. Its level is not comparable with the other stage's. "
    return _figure(line_plot(plot, 540, 300), caption, cited(log, note=f'Lines with event "step" and stage {stage}'))


_LOSSES = {1: "training loss (1 − MS-SSIM)", 2: "weighted training loss (1 − MS-SSIM, ROI L1, ROI edge L1)"}


def _validation(name: str, run: Place, log: Place, checks: list[Place], term: str) -> Html:
    # Stage 2 goes on where stage 1 ended, on one axis of all steps.
    start = run.at("recipe", "stage1_steps").number()
    first = tuple((x, y) for x, y in _points(_of(checks, 1), term))
    second = tuple((start + x, y) for x, y in _points(_of(checks, 2), term))
    stages = [
        Series(f"stage {stage}", points, _marked(points)) for stage, points in ((1, first), (2, second)) if points
    ]
    last = max(x for x, _ in (*first, *second))
    title = f"{_TERMS[term]} on source validation, run {name}"
    ends = [f"{series.name} ends at {series.points[-1][1]:.4g}" for series in stages]
    marks = ((start, "stage 2 begins"),) if second else ()
    plot = LinePlot(
        title, "; ".join(ends) + ".", "step of both stages", _TERMS[term], tuple(stages), marks, (0.0, last)
    )
    note = f'Lines with event "validate", field {term}'
    return _figure(line_plot(plot, 540, 300), f"{_TERMS[term]} on source validation. ", cited(log, note=note))


def _points(events: list[Place], field: str) -> tuple[Point, ...]:
    return tuple((event.at("step").number(), event.at(field).number()) for event in events)


def _marked(points: tuple[Point, ...]) -> tuple[tuple[Point, str], ...]:
    return tuple((point, f"step {point[0]:,.0f}: {point[1]:.4g}") for point in points)


def _weights(event: Place) -> Html:
    batches = event.at("gradient_norms").each()
    rows = []
    for term in event.at("weights").value:
        norms = [batch.at(term) for batch in batches]
        seen = [norm.number() for norm in norms if norm.number() > 0]
        mean = f"{sum(seen) / len(seen):.3f}" if seen else "none"
        low, high = min(norms, key=Place.number), max(norms, key=Place.number)
        span = joined([figure(low, ".3f"), " to ", figure(high, ".3f")])
        rows.append([_TERMS.get(term, term), figure(event.at("weights", term), ".3f"), mean, span, str(len(seen))])
    names = ("weight", "mean gradient norm", "smallest to largest", "batches with a gradient")
    place = cited(event, note="The mean is computed here, over gradient_norms above 0")
    caption = joined(["Calibration of stage 2's loss weights from each term's gradient norm. ", place])
    return table(caption, columns(("term",), names), rows)


def _figure(drawing: Html, words: str, place: Html) -> Html:
    return element("figure", {}, drawing, element("figcaption", {}, words, place))
