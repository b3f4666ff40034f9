"""Precision, latency and ROI loss in one plane: each bundle on each backend that was both timed and verified."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, cited, figure, number
from edge_nt.report.scatter_plot import Dot, ScatterPlot, scatter_plot
from edge_nt.report.study import BENCH, VERIFY, Study
from edge_nt.report.table import columns, table

_STAGE = "encode+decode"
_GATE = "ROI Edge-MAE"
_READING = (
    "Left is faster, down is less loss. The shaded part is beyond the gate on ROI Edge-MAE; a hollow mark did not "
    "pass at least one gate, of any metric. Times are ratios within one measurement, so that they hold beyond this "
    "machine's pace better than milliseconds do."
)


@dataclass(frozen=True)
class _Trade:
    """A variant that was timed, and what it lost where; `gates` are all its verdicts in that comparison."""

    name: str
    ratio: Place
    gate: Place
    gates: Place

    @property
    def loss(self) -> Place:
        return self.gate.at("bounds", "estimate")

    @property
    def failed(self) -> bool:
        return not all(gate.at("state").value == "pass" for gate in self.gates.each())


def trade_section(study: Study) -> Html:
    """A plot a group of frames for every bench; says what is missing when nothing was both timed and verified."""
    title = element("h2", {}, "Precision, latency and loss")
    benches = [(bench, trades) for bench in study.of(BENCH) if (trades := _trades(study, bench))]
    parts = [part for bench, trades in benches for part in _bench(bench, trades)]
    missing = _missing(study)
    if not parts:
        return element("section", {"id": "trade"}, title, *(missing or [paragraph(_NOTHING)]))
    return element("section", {"id": "trade"}, title, paragraph(_READING), *parts, *missing)


_NOTHING = "No bundle was both timed against another one and verified."


def _missing(study: Study) -> list[Html]:
    parts = []
    if not study.of(BENCH):
        parts.append(paragraph("No result of edge-nt bench was named: there is no latency to set against the loss."))
    for bench in study.of(BENCH):
        found = {trade.name for trade in _trades(study, bench)}
        bundles = [place for place in bench.at("variants").each() if place.at("identity", "origin").value == "bundle"]
        names = [place.at("identity", "name").text() for place in bundles]
        lost = [name for name in names if name not in found and name != bench.at("baseline").text()]
        if lost:
            words = "Timed but not in a plot, for want of a verification on the same backend or of a ratio"
            parts.append(paragraph(f"{words}: {', '.join(lost)} in {bench.source.name} [{bench.source.number}]."))
    return parts


def _trades(study: Study, bench: Place) -> list[_Trade]:
    ratios = {
        ratio.at("variant").text(): ratio.at("ratio", "estimate")
        for ratio in bench.at("ratios").each()
        if ratio.at("stage").value == _STAGE
    }
    identities = [variant.at("identity") for variant in bench.at("variants").each()]
    return [
        _Trade(identity.at("name").text(), ratios[identity.value["name"]], gate, gates)
        for identity in identities
        if identity.value["name"] in ratios
        for gates in _gates(study, bench, identity)
        for gate in gates.each()
        if gate.at("metric").value == _GATE and gate.at("bounds").value is not None
    ]


def _gates(study: Study, bench: Place, identity: Place) -> list[Place]:
    """The verdicts of the bench's own comparison, else of verifications of that bundle on that backend."""
    fidelity = bench.find("fidelity")
    own = [
        each.at("comparison", "gates")
        for each in (fidelity.at("variants").each() if fidelity else ())
        if each.at("variant").value == identity.at("name").value and each.at("comparison").value is not None
    ]
    return own or [
        file.at("comparison", "gates") for file in study.of(VERIFY) if _is_of(file.at("candidate"), identity)
    ]


def _is_of(candidate: Place, identity: Place) -> bool:
    encoder = candidate.at("files", "encoder.onnx").value == identity.at("encoder_sha256").value
    return encoder and all(candidate.at(name).value == identity.at(name).value for name in ("precision", "backend"))


def _bench(bench: Place, trades: list[_Trade]) -> list[Html]:
    groups = dict.fromkeys(trade.gate.at("group").text() for trade in trades)
    of_group = {group: [trade for trade in trades if trade.gate.at("group").value == group] for group in groups}
    plots = [_plot(bench, group, members, trades) for group, members in of_group.items()]
    return [element("div", {"class": "plots"}, *plots), _table(bench, trades)]


def _plot(bench: Place, group: str, trades: list[_Trade], everywhere: list[_Trade]) -> Html:
    names = tuple(dict.fromkeys(trade.name for trade in everywhere))
    changes = [trade.loss.number() for trade in everywhere]
    baseline, limit = bench.at("baseline").text(), trades[0].gate.at("limit")
    told = [(_words(trade), trade) for trade in trades]
    plot = ScatterPlot(
        title=f"Latency ratio against loss of ROI Edge-MAE, {group}",
        description="; ".join(words for words, _ in told) + f". Gate at {number(limit, 'g')} %.",
        x_name=f"encode + decode, ratio to {baseline}",
        y_name="ROI Edge-MAE, change in %",
        dots=tuple(
            Dot(trade.ratio.number(), trade.loss.number(), names.index(trade.name), words, trade.failed)
            for words, trade in told
        ),
        series=names,
        y_limit=limit.number(),
        y_limit_name=f"gate: {number(limit, 'g')} %",
        x_mark=(1.0, baseline),
        y_range=(min(changes), max(changes)),
    )
    place = cited(bench.at("ratios"), *dict.fromkeys(trade.gates for trade in trades))
    return element("figure", {}, scatter_plot(plot), element("figcaption", {}, f"{group}. ", place))


def _words(trade: _Trade) -> str:
    verdict = "a gate did not pass" if trade.failed else "all gates passed"
    return f"{trade.name}: ratio {number(trade.ratio, '.2f')}, {number(trade.loss, '+.2f')} %, {verdict}"


def _table(bench: Place, trades: list[_Trade]) -> Html:
    head = columns(("variant", "group"), ("time ratio", "ROI Edge-MAE change, %"))
    rows = [
        [trade.name, trade.gate.at("group").text(), figure(trade.ratio, ".3f"), figure(trade.loss, "+.3f")]
        for trade in trades
    ]
    words = f"The same in figures; times are ratios to {bench.at('baseline').text()}. "
    places = dict.fromkeys(trade.gates for trade in trades)
    return table(joined([words, cited(bench.at("ratios"), *places)]), head, rows)
