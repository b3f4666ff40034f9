"""Standard codecs against the latent at equal bytes: wins and losses alike."""

from __future__ import annotations

from edge_nt.report.markup import Html, joined
from edge_nt.report.place import Place, bounds, cited, figure, interval
from edge_nt.report.table import Column, columns, table

_TITLES = {"roi_mae": "ROI MAE", "roi_edge_mae": "ROI Edge-MAE", "psnr_db": "PSNR, dB", "ms_ssim": "MS-SSIM"}


def codec_tables(place: Place) -> list[Html]:
    """A table of metrics for each coder and group, and one of the bytes at which a codec reaches our error."""
    ours, dataset = place.at("ours").text(), place.at("dataset").text()
    versions = ", ".join(f"{name} {version}" for name, version in place.at("versions").value.items())
    budget = figure(place.at("budget_bytes"), ".0f")
    words = ["Codecs at equal bytes, on ", dataset, ": ", budget, f" bytes an image, against {ours}; {versions}. "]
    said = (
        "The difference is coder − ours over the same images; who is better is said where its interval leaves out 0. "
    )
    rows = [row for result in place.at("results").each() for row in _metric_rows(result)]
    head = (*columns(("coder", "group", "metric"), ("mean", "against ours")), Column("better", is_text=True))
    metrics = table(joined([*words, said, cited(place.at("results"))]), head, rows)
    return [metrics, _bytes(place.at("results"))]


def _metric_rows(result: Place) -> list[list[str]]:
    name, group = result.at("coder").text(), result.at("group").text()
    return [[name, group, *_metric(metric)] for metric in result.at("metrics").each()]


def _metric(metric: Place) -> list[str]:
    form = ".2f" if metric.at("metric").value == "psnr_db" else ".4f"
    arrow = "↑" if metric.at("higher_is_better").value else "↓"
    against, winner = metric.at("against_ours"), metric.at("winner").value
    difference = "–" if against.value is None else interval(against, f"+{form}")
    mean = interval(metric.at("mean"), form)
    return [f"{_TITLES[metric.at('metric').text()]} {arrow}", mean, difference, winner or "–"]


def _bytes(results: Place) -> Html:
    names = ("images", "did not fit", "payload, bytes", "file, bytes", "bytes at our ROI MAE", "not reached")
    words = "Bytes of each coder: means, and the median with quartiles with which a codec reaches our ROI MAE. "
    rows = [_bytes_row(result) for result in results.each()]
    return table(joined([words, cited(results)]), columns(("coder", "group"), names), rows)


def _bytes_row(result: Place) -> list[str]:
    counts = [figure(result.at(name), ".0f") for name in ("images", "did_not_fit")]
    sizes = [figure(result.at(name), ".0f") for name in ("mean_payload_bytes", "mean_file_bytes")]
    equal = result.at("bytes_at_our_roi_mae")
    reached: list[str] = ["–", "–"]
    if equal.value is not None and equal.at("median").value is None:
        reached = ["–", figure(equal.at("not_reached"), ".0f")]
    elif equal.value is not None:
        quartiles = bounds(equal.at("quartile_1"), equal.at("quartile_3"), ".0f")
        reached = [joined([figure(equal.at("median"), ".0f"), quartiles]), figure(equal.at("not_reached"), ".0f")]
    return [result.at("coder").text(), result.at("group").text(), *counts, *sizes, *reached]
