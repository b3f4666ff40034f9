"""The compute floor, scaling with size and batch, and paper estimates of devices that were not measured."""

from __future__ import annotations

from edge_nt.report.line_plot import LinePlot, Series, line_plot
from edge_nt.report.markup import Html, element, joined
from edge_nt.report.place import Place, cited, figure, number
from edge_nt.report.table import columns, table


def floor_tables(place: Place) -> list[Html]:
    """How near each variant comes to the least time that this machine's arithmetic allows."""
    floor_head = columns(("precision", "fastest kernel"), ("10⁹ multiply-adds/s", "floor, ms"))
    words = "Compute floor: the fastest kernel measured here at each precision, and a frame at its rate throughout. "
    floors = [_floor_row(each) for each in place.at("precisions").each()]
    ratio_head = columns(("variant", "mode", "floor at"), ("ms", "floor, ms", "ratio"))
    ratios = [_ratio_row(each) for each in place.at("ratios").each()]
    return [
        table(joined([words, cited(place.at("precisions"))]), floor_head, floors),
        table(joined(["Encode + decode over that floor. ", cited(place.at("ratios"))]), ratio_head, ratios),
    ]


def _floor_row(each: Place) -> list[str]:
    fastest = each.at("fastest")
    kernel = f"{fastest.at('engine').text()}: {fastest.at('kernel').text()}"
    rate, floor = figure(fastest.at("giga_multiply_adds_per_s"), ".0f"), figure(each.at("floor_ms"), ".2f")
    return [each.at("precision").text(), kernel, rate, floor]


def _ratio_row(each: Place) -> list[str]:
    words = [each.at(name).text() for name in ("variant", "mode", "precision")]
    return [*words, *(figure(each.at(name), ".2f") for name in ("encode_decode_ms", "floor_ms", "ratio"))]


def _figures(each: Place, fields: tuple[str, ...]) -> list[str]:
    """A row of a variant: its name, precision and figures."""
    return [each.at("variant").text(), each.at("precision").text(), *(figure(each.at(name), ".2f") for name in fields)]


def scaling_figures(place: Place) -> list[Html]:
    """Cost against pixels with the fitted exponents, and cost an image against the batch."""
    exponents = {
        each.at("engine").text(): f"exponent {number(each.at('exponent'), '.2f')} "
        f"[{number(each.at('low'), '.2f')}, {number(each.at('high'), '.2f')}]"
        for each in place.at("exponents").each()
    }
    sizes = _by_engine(place.at("sizes"))
    lines = tuple(
        Series(engine, _marked(each), tuple((p, "") for p in _marked(each))) for engine, each in sizes.items()
    )
    told = [f"{engine}: {exponents.get(engine, 'no exponent')}" for engine in sizes]
    title = "Encode + decode against the size of the frame"
    plot = LinePlot(title, "; ".join(told) + ".", "thousand pixels", "p50, ms", lines, y_limits=None)
    caption = f"{title}. p50 ∝ pixels^exponent: {'; '.join(told)}. "
    notes = cited(place.at("sizes"), place.at("exponents"))
    drawn = element("figure", {"class": "wide"}, line_plot(plot, 760), element("figcaption", {}, caption, notes))
    return [drawn, _batches(place)] if place.find("batches") else [drawn]


def _by_engine(sizes: Place) -> dict[str, list[Place]]:
    engines = dict.fromkeys(each.at("engine").text() for each in sizes.each())
    return {engine: [each for each in sizes.each() if each.at("engine").value == engine] for engine in engines}


def _marked(sizes: list[Place]) -> tuple[tuple[float, float], ...]:
    points = (
        (
            each.at("height_px").number() * each.at("width_px").number() / 1e3,
            each.at("encode_decode", "p50_ms").number(),
        )
        for each in sizes
    )
    return tuple(sorted(points))


def _batches(place: Place) -> Html:
    rows = [
        [
            each.at("engine").text(),
            figure(each.at("batch"), ".0f"),
            figure(each.at("encode_decode", "p50_ms"), ".2f"),
            figure(each.at("ms_per_image"), ".2f"),
        ]
        for each in place.at("batches").each()
    ]
    head = columns(("engine",), ("batch", "p50 of the batch, ms", "ms an image"))
    return table(joined(["Cost by batch. ", cited(place.at("batches"))]), head, rows)


def estimate_tables(place: Place) -> list[Html]:
    """Estimates, each row marked as one, and the formula's record on this machine."""
    head = columns(("device", "precision", "standing"), ("roofline, ms", "launches, ms", "from, ms", "to, ms"))
    words = joined([element("strong", {}, "ESTIMATE on paper, not measured on any device. "), _assumed(place)])
    estimates = [_estimate_row(each) for each in place.at("estimates").each()]
    fields = ("roofline_ms", "measured_ms", "measured_over_roofline")
    record = [_figures(each, fields) for each in place.at("calibrations").each()]
    record_head = columns(("variant", "precision"), ("roofline", "measured", "ratio"))
    record_words = "The same formula on this machine, with its measured peaks, against what was measured (ms). "
    return [
        table(joined([words, cited(place.at("estimates"))]), head, estimates),
        table(joined([record_words, cited(place.at("calibrations"))]), record_head, record),
    ]


def _estimate_row(each: Place) -> list[str]:
    times = [figure(each.at(name), ".2f") for name in ("roofline_ms", "launch_ms", "low_ms", "high_ms")]
    return [each.at("device").text(), each.at("precision").text(), element("strong", {}, "ESTIMATE"), *times]


def _assumed(place: Place) -> str:
    assumed = place.at("assumptions")
    shares = [number(assumed.at(f"efficiency_{end}"), ".0f", 100.0) for end in ("low", "high")]
    launch = number(assumed.at("launch_us"), "g")
    return f"Assumed: {shares[0]} to {shares[1]} % of the roofline, {launch} µs a launch. "
