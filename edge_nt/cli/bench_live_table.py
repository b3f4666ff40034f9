"""The table that `edge-nt bench-live` prints: a line a rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from edge_nt.bench.device_conditions import device_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from edge_nt.bench.live_result import LiveBench, LiveRate

_COLUMNS = (
    *("", "offered", "done", "dropped", "failed", "frames/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "peak MB"),
    *("MB/h and 95 % interval", "cores", "others' cores"),
)


def show_live(console: Console, report: LiveBench) -> None:
    """Print every stretch, then the conditions and what makes the figures doubtful."""
    console.print(_table(report))
    setup, best = report.setup, report.saturated.frames_per_s
    console.print(
        f"{setup.bundle} ({setup.precision}) on {setup.backend}: {setup.jobs} jobs, {setup.waiting} waiting, "
        f"{setup.in_flight} in flight, into {', '.join(setup.sinks)}; {setup.frames}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for each in report.rates:
        if each.rate_hz is not None and each.rate_hz > best:
            share = each.frames_per_s / best
            console.print(f"{each.rate_hz:g} Hz: {share:.0%} of the saturated throughput held", highlight=False)
    console.print(f"The jobs alone, with nothing around them: {report.jobs_alone_per_s:.1f} frames/s", highlight=False)
    for line in device_lines(report.device):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for each in (*report.rates, report.saturated):
        for words in (*each.warnings, *(f"not measured: {name}: {why}" for name, why in each.not_measured.items())):
            console.print(f"[yellow]{_name(each)}:[/yellow] {escape(words)}", highlight=False, soft_wrap=True)


def _table(report: LiveBench) -> Table:
    from rich.table import Table

    shown = Table(title="Through the whole pipeline, from the offer to the end of the last write", title_justify="left")
    for name in _COLUMNS:
        shown.add_column(name, justify="right")
    for each in (*report.rates, report.saturated):
        shown.add_row(*_row(each))
    return shown


def _row(each: LiveRate) -> tuple[str, ...]:
    latency, trend = each.latency, each.resident
    times: tuple[str, ...] = ("",) * 4
    if latency is not None:
        times = tuple(f"{value:.1f}" for value in (latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.max_ms))
    slope = ""
    if trend is not None:
        slope = f"{trend.slope_mb_per_h:+.1f} [{trend.low_mb_per_h:+.1f}, {trend.high_mb_per_h:+.1f}]"
    return (
        _name(each),
        *(str(count) for count in (each.offered, each.done, each.dropped, each.failed)),
        f"{each.frames_per_s:.1f}",
        *times,
        "" if each.peak_mb is None else f"{each.peak_mb:.0f}{'' if each.peak_reset else ' (whole process)'}",
        slope,
        f"{each.cores_used:.2f}",
        "" if each.others_cores is None else f"{each.others_cores:.2f}",
    )


def _name(each: LiveRate) -> str:
    return "saturated" if each.rate_hz is None else f"{each.rate_hz:g} Hz"
