"""How fast: latencies, ratios, pacing, threads, memory and energy of every bench."""

from __future__ import annotations

import msgspec

from edge_nt.bench.device_conditions import DeviceConditions, capped_by, device_lines
from edge_nt.report.codec_tables import codec_tables
from edge_nt.report.fidelity_tables import fidelity_tables
from edge_nt.report.forest_plot import Estimate, ForestPlot, forest_plot
from edge_nt.report.markup import Html, element, joined
from edge_nt.report.paper_tables import estimate_tables, floor_tables, scaling_figures
from edge_nt.report.place import Place, cited, figure, number
from edge_nt.report.study import BENCH, Study
from edge_nt.report.table import columns, table

_PERCENTILES = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
_STAGES = ("encode+decode", "total")


def bench_section(study: Study) -> Html:
    """Every part that the benches hold; empty when no bench was named."""
    files = study.of(BENCH)
    if not files:
        return Html("")
    parts = [part for file in files for part in _bench(file)]
    return element("section", {"id": "speed"}, element("h2", {}, "Speed"), *parts)


def _bench(bench: Place) -> list[Html]:
    parts = [_conditions(bench), _latency(bench)]
    if bench.find("ratios"):
        parts.append(_ratios(bench))
    parts += [part for name, draw in _PARTS.items() if (place := bench.find(name)) for part in draw(place)]
    return parts


def _conditions(bench: Place) -> Html:
    machine, conditions = bench.at("machine").value, bench.at("conditions")
    threads = machine.get("threads") or "the engines' choice"
    cores = f"{machine['usable_cores']} of {machine['cores']} cores, threads: {threads}"
    load = f"load {conditions.value['load_1_min_start']} before and {conditions.value['load_1_min_end']} after"
    words = f"{machine['cpu']}, {cores}, {machine['os']}, Python {machine['python']}; {load}. "
    rounds = figure(conditions.at("rounds"), ".0f"), figure(conditions.at("warmup"), ".0f")
    counted = joined([rounds[0], " rounds after ", rounds[1], " to warm up, variants taking turns. "])
    later = bench.find("section_warnings")
    warnings = [*conditions.value["warnings"], *(later.value if later else [])]
    doubts = [element("p", {"class": "warning"}, f"Doubtful: {each}.") for each in warnings]
    return joined(
        [element("p", {}, words, counted, cited(bench.at("machine"), conditions)), *_device(conditions), *doubts]
    )


def _device(conditions: Place) -> list[Html]:
    place = conditions.find("device")
    if place is None:
        return []
    device = msgspec.convert(place.value, DeviceConditions)
    capped = capped_by(device)
    lines = element("p", {}, ". ".join(device_lines(device)), ". ", cited(place))
    return [lines, *([element("p", {"class": "warning"}, f"Capped: {capped}.")] if capped else [])]


def _latency(bench: Place) -> Html:
    rows = []
    for variant in bench.at("variants").each():
        name = variant.at("identity", "name").text()
        for stage in _STAGES:
            stats = variant.at("stages").find(stage)
            times = [figure(stats.at(each), ".2f") for each in _PERCENTILES] if stats else ["–"] * len(_PERCENTILES)
            rows.append([name, stage if stats else f"failed: {variant.at('failed').value}", *times])
            if not stats:
                break
    head = columns(("variant", "stage"), ("p50", "p95", "p99", "max"))
    return table(joined(["Latency in ms, one frame at a time. ", cited(bench.at("variants"))]), head, rows)


def _ratios(bench: Place) -> Html:
    ratios = [ratio for ratio in bench.at("ratios").each() if ratio.at("stage").value in _STAGES]
    ratios.sort(key=lambda ratio: (_STAGES.index(ratio.value["stage"]), ratio.value["ratio"]["estimate"]))
    estimates = tuple(_estimate(ratio) for ratio in ratios)
    baseline = bench.at("baseline").text()
    description = "; ".join(f"{each.name} {_STAGES[each.series]} {each.words}" for each in estimates) + "."
    plot = ForestPlot(f"Time a frame, ratio to {baseline}", description, "ratio", 1.0, estimates, _STAGES)
    words = f"Time a frame as a ratio to {baseline}, median over rounds with 95 % interval; left of 1 is faster. "
    caption = element("figcaption", {}, words, cited(bench.at("ratios")))
    return element("figure", {"class": "wide"}, forest_plot(plot), caption)


def _estimate(ratio: Place) -> Estimate:
    interval = ratio.at("ratio")
    words = [number(interval.at(part), ".3f") for part in ("estimate", "low", "high")]
    estimate, low, high = (interval.at(part).number() for part in ("estimate", "low", "high"))
    series = _STAGES.index(ratio.at("stage").text())
    return Estimate(ratio.at("variant").text(), estimate, low, high, f"{words[0]} [{words[1]}, {words[2]}]", series)


def _saturated(place: Place) -> list[Html]:
    rows = [
        [
            each.at("variant").text(),
            figure(each.at("frames_per_s"), ".1f"),
            *_p50_p99(each.at("stages", "total")),
            figure(each.at("stages", "encode+decode", "p50_ms"), ".2f"),
            _ratio(each.at("encode_decode_ratio")),
            _energy(each),
        ]
        for each in place.each()
    ]
    names = ("frames/s", "p50 ms", "p99 ms", "encode + decode p50 ms", "over the baseline's", "energy a frame, J")
    head = columns(("variant",), names)
    return [table(joined(["Saturated: the next frame is always waiting. ", cited(place)]), head, rows)]


def _ratio(place: Place) -> Html:
    return Html("–") if place.value is None else figure(place, ".3f")


def _energy(result: Place) -> Html:
    energy = result.at("energy")
    joules = energy.at("joules_per_frame")
    return Html("not measured") if joules.value is None else figure(joules, ".3f")


def _paced(place: Place) -> list[Html]:
    rows = [
        [
            each.at("variant").text(),
            *(figure(each.at(name), "g") for name in ("rate_hz", "frames", "missed", "dropped")),
            figure(each.at("start_jitter", "p99_ms"), ".2f"),
            *(figure(each.at("response", name), ".2f") for name in _PERCENTILES),
        ]
        for each in place.each()
    ]
    names = ("Hz", "frames", "missed", "of them dropped", "jitter p99", "response p50", "p95", "p99", "max")
    words = "Paced: each frame is due at a fixed moment; response is from then to its result, in ms. "
    return [table(joined([words, cited(place)]), columns(("variant",), names), rows)]


def _threads(place: Place) -> list[Html]:
    rows = [
        [each.at("variant").text(), figure(each.at("threads"), ".0f"), *_p50_p99(each.at("encode_decode"))]
        for each in place.each()
    ]
    head = columns(("variant",), ("threads", "p50 ms", "p99 ms"))
    return [table(joined(["Encode + decode by number of threads. ", cited(place)]), head, rows)]


def _memory(place: Place) -> list[Html]:
    fields = ("imports_mb", "loaded_mb", "frames_mb")
    rows = []
    for each in place.each():
        reason = each.at("not_measured").value
        peaks = [str(reason), "–", "–"] if reason else [figure(each.at(name), ".0f") for name in fields]
        rows.append([each.at("variant").text(), *peaks])
    head = columns(("variant",), ("before loading", "loaded", "after frames"))
    return [table(joined(["Peak memory in MB, each variant in a process of its own. ", cited(place)]), head, rows)]


def _p50_p99(stats: Place) -> list[Html]:
    if stats.value is None:
        return [Html("failed"), Html("–")]
    return [figure(stats.at(name), ".2f") for name in ("p50_ms", "p99_ms")]


_PARTS = {
    "saturated": _saturated,
    "paced": _paced,
    "threads": _threads,
    "memory": _memory,
    "fidelity": fidelity_tables,
    "codecs": codec_tables,
    "floor": floor_tables,
    "scaling": scaling_figures,
    "estimate": estimate_tables,
}
