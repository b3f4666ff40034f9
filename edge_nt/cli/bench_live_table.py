"""The table that `edge-nt bench-live` prints: a column a rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.markup import escape

from edge_nt.bench.device_conditions import capped_by, device_lines, throttling_warnings
from edge_nt.cli.screen import print_tables, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from edge_nt.bench.live_result import LiveBench, LiveRate


def show_live(console: Console, report: LiveBench) -> None:
    """Print every stretch, then the conditions and what makes the figures doubtful."""
    print_tables(console, _table(report))
    setup, best = report.setup, report.saturated.frames_per_s if report.saturated else 0.0
    console.print(
        f"{setup.bundle} ({setup.precision}) on {setup.backend}: {setup.jobs} jobs, {setup.waiting} waiting, "
        f"{setup.in_flight} in flight, into {', '.join(setup.sinks)}; {setup.frames}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for each in report.rates:
        if each.rate_hz is not None and each.rate_hz > best > 0:
            share = each.frames_per_s / best
            console.print(f"{each.rate_hz:g} Hz: {share:.0%} of the saturated throughput held", highlight=False)
    console.print(f"The jobs alone, with nothing around them: {report.jobs_alone_per_s:.1f} frames/s", highlight=False)
    for line in device_lines(report.device):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for words in filter(None, (*throttling_warnings(report.device), capped_by(report.device))):
        console.print(f"[yellow]the machine:[/yellow] {escape(words)}", highlight=False, soft_wrap=True)
    for each in _stretches(report):
        for words in (*each.warnings, *(f"not measured: {name}: {why}" for name, why in each.not_measured.items())):
            console.print(f"[yellow]{_name(each)}:[/yellow] {escape(words)}", highlight=False, soft_wrap=True)


def _table(report: LiveBench) -> Table:
    stretches = _stretches(report)
    rows = [(name, *(words(each) for each in stretches)) for name, words in _ROWS.items()]
    title = "Through the whole pipeline, from the offer to the end of the last write"
    return table(title, ("", *(_name(each) for each in stretches)), rows)


def _stretches(report: LiveBench) -> tuple[LiveRate, ...]:
    return (*report.rates, *([report.saturated] if report.saturated else []))


def _latency(name: str) -> Callable[[LiveRate], str]:
    return lambda each: "" if each.latency is None else f"{getattr(each.latency, name):.1f}"


def _peak(each: LiveRate) -> str:
    if each.peak_mb is None:
        return "not measured"
    return f"{each.peak_mb:.0f}" if each.peak_reset else f"{each.peak_mb:.0f} since the start"


def _slope(each: LiveRate) -> str:
    trend = each.resident
    if trend is None:
        return "not measured"
    return f"{trend.slope_mb_per_h:+.1f} [{trend.low_mb_per_h:+.1f}, {trend.high_mb_per_h:+.1f}]"


def _name(each: LiveRate) -> str:
    return "saturated" if each.rate_hz is None else f"{each.rate_hz:g} Hz"


_ROWS: dict[str, Callable[[LiveRate], str]] = {
    "offered": lambda each: str(each.offered),
    "done": lambda each: str(each.done),
    "dropped": lambda each: str(each.dropped),
    "failed": lambda each: str(each.failed),
    "left behind at the end": lambda each: str(each.left_behind),
    "writes that failed": lambda each: str(each.write_errors),
    "frames/s": lambda each: f"{each.frames_per_s:.1f}",
    "latency p50, ms": _latency("p50_ms"),
    "latency p95, ms": _latency("p95_ms"),
    "latency p99, ms": _latency("p99_ms"),
    "latency max, ms": _latency("max_ms"),
    "peak resident, MB": _peak,
    "resident, MB/h [95 %]": _slope,
    "cores used": lambda each: f"{each.cores_used:.2f}",
    "cores used by others": lambda each: "?" if each.others_cores is None else f"{each.others_cores:.2f}",
}
