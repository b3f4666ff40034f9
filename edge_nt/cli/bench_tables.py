"""The tables that `edge-nt bench` prints: one a section, only for sections that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from edge_nt.bench.device_conditions import capped_by, device_lines
from edge_nt.cli.screen import print_tables, styled, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from edge_nt.bench.bench_report import BenchReport
    from edge_nt.bench.compare import BenchComparison, StageChange
    from edge_nt.bench.saturated import SaturatedResult
    from edge_nt.metrics.bootstrap import Interval
    from edge_nt.verify.gate_result import GateResult


def show_report(console: Console, report: BenchReport) -> None:
    """Print every section that the report has, then the conditions."""
    sections = (
        _latency(report),
        _ratios(report),
        _fidelity(report),
        _saturated(report),
        _paced(report),
        _threads(report),
        _memory(report),
    )
    for section in sections:
        if section.row_count:
            print_tables(console, section)
    console.print(_conditions(report), highlight=False, markup=False)
    for each in report.variants:
        if each.failed:
            reason = escape(f"{each.identity.name}: {each.failed}")
            console.print(f"[red]FAILED[/red] {reason}", highlight=False, soft_wrap=True)
    capped = capped_by(report.conditions.device)
    for warning in (*report.conditions.warnings, *report.section_warnings, *([capped] if capped else [])):
        console.print(f"[yellow]Warning:[/yellow] {escape(warning)}", highlight=False, soft_wrap=True)


def show_comparison(console: Console, comparison: BenchComparison) -> None:
    """Print what moved beyond noise, and what else differs between the two reports."""
    unit = "ms" if comparison.basis == "milliseconds" else "ratio"
    rows: list[tuple[str | Text, ...] | None] = []
    variant = ""
    for each in comparison.changes:
        if each.variant != variant:
            rows += [None, (styled(each.variant, "bold"), "", "", "", "")]
            variant = each.variant
        percent = [100 * value for value in (each.change.estimate, each.change.low, each.change.high)]
        change = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*percent)
        rows.append((each.stage, f"{each.before:.3f}", f"{each.after:.3f}", change, _verdict(each)))
    headings = ("stage", f"old {unit}", f"new {unit}", "change, %, and its 95 % interval", "verdict")
    print_tables(console, table(f"Compared in {comparison.basis}: {comparison.why}", headings, rows))
    for note in comparison.notes:
        console.print(f"Note: {note}", markup=False, highlight=False, soft_wrap=True)


def _verdict(change: StageChange) -> str | Text:
    if not change.moved:
        return f"noise ({change.noise:.0%})"
    return styled("slower", "red") if change.change.estimate > 0 else styled("faster", "green")


def _latency(report: BenchReport) -> Table:
    conditions = report.conditions
    rows = [
        (
            each.identity.name,
            *(f"{each.stages[stage].p50_ms:.2f}" for stage in ("preprocess", "encode", "decode", "score", "total")),
            *(f"{value:.2f}" for value in (each.stages["total"].p95_ms, each.stages["total"].p99_ms)),
            f"{each.stages['total'].max_ms:.2f}",
        )
        for each in report.variants
        if each.stages
    ]
    title = f"Latency in ms, {conditions.rounds} rounds: p50 of each stage, then of the whole frame"
    return table(title, ("variant", "prep", "encode", "decode", "score", "p50", "p95", "p99", "max"), rows)


def _ratios(report: BenchReport) -> Table:
    found = {(each.variant, each.stage): each.ratio for each in report.ratios}
    names = list(dict.fromkeys(each.variant for each in report.ratios))
    rows = [(name, *(_interval(found[name, stage]) for stage in ("encode+decode", "total"))) for name in names]
    title = f"Ratio to {report.baseline}: median of rounds, 95 % interval; below 1 is faster"
    return table(title, ("variant", "encode+decode", "whole frame"), rows)


def _fidelity(report: BenchReport) -> Table:
    from rich.text import Text

    section = report.fidelity
    title = f"Against {section.reference}, judged by {section.gate_file.name}" if section else ""
    names = ("group", "ROI MAE", "Edge-MAE", "PSNR dB", "|diff| of 255", "drift, median and p95", "AUROC", "verdict")
    rows: list[tuple[str | Text, ...] | None] = []
    for each in section.variants if section else ():
        found = each.comparison
        auroc = "" if found is None or found.auroc is None else f"{found.auroc.candidate.estimate:.3f}"
        colour = "green" if each.verdict == "passed" else "red"
        verdict = Text.assemble((each.verdict, colour), f": {each.failed}" if each.failed else "")
        rows += [None, (styled(each.variant, "bold"), *[""] * 5, auroc, verdict)]
        gates = found.gates if found else ()
        for group in dict.fromkeys(gate.group for gate in gates):
            rows.append(_group_row(group, [gate for gate in gates if gate.group == group]))
    return table(title, names, rows)


def _group_row(group: str, gates: Sequence[GateResult]) -> tuple[str, ...]:
    change = {gate.metric: gate.bounds.estimate for gate in gates if gate.bounds is not None}
    drift = [gate for gate in gates if gate.metric.startswith("caliper drift") and gate.bounds is not None]
    short = [f"{gate.metric} {gate.state}" for gate in gates if not gate.passed]
    return (
        group,
        *(f"{change[name]:+.2f} %" if name in change else "" for name in ("ROI MAE", "ROI Edge-MAE")),
        f"{-change['PSNR drop']:+.3f}" if "PSNR drop" in change else "",
        f"{change['ROI mean |difference|']:.2f}" if "ROI mean |difference|" in change else "",
        ", ".join(f"{change[gate.metric]:.3f}" for gate in drift) + (f" {drift[0].unit}" if drift else ""),
        "",
        ", ".join(short) or "pass",
    )


def _saturated(report: BenchReport) -> Table:
    rows = [
        (
            each.variant,
            f"{each.frames_per_s:.1f}",
            *(f"{value:.2f}" for value in (each.stages["total"].p50_ms, each.stages["total"].p99_ms)),
            f"{each.stages['encode+decode'].p50_ms:.2f}",
            "" if each.encode_decode_ratio is None else f"{each.encode_decode_ratio:.3f}",
            _energy(each),
        )
        for each in report.saturated
    ]
    names = ("variant", "frames/s", "p50 ms", "p99 ms", "enc+dec p50", "ratio of it", "J a frame")
    return table(f"Saturated: back to back, alone; ratio to {report.baseline}", names, rows)


def _energy(result: SaturatedResult) -> str:
    energy = result.energy
    if energy.joules_per_frame is None:
        return "not measured"
    return f"{energy.joules_per_frame:.3f} (idle {energy.idle_w:.1f} W)"


def _paced(report: BenchReport) -> Table:
    rows = [
        (
            each.variant,
            f"{each.rate_hz:g}",
            f"{each.missed} of {each.frames}",
            f"{each.start_jitter.p99_ms:.2f}",
            *(f"{value:.2f}" for value in (each.latency.p50_ms, each.latency.p95_ms, each.latency.p99_ms)),
            f"{each.latency.max_ms:.2f}",
        )
        for each in report.paced
    ]
    title = "Paced: frames come at a rate; latency and start jitter in ms"
    return table(title, ("variant", "Hz", "missed", "jitter p99", "p50", "p95", "p99", "max"), rows)


def _threads(report: BenchReport) -> Table:
    rows = [
        (each.variant, str(each.threads), f"{each.encode_decode.p50_ms:.2f}", f"{each.total.p50_ms:.2f}")
        if each.encode_decode and each.total
        else (each.variant, str(each.threads), f"failed: {each.failed}", "")
        for each in report.threads
    ]
    return table("By threads: p50 in ms", ("variant", "threads", "encode+decode", "whole frame"), rows)


def _memory(report: BenchReport) -> Table:
    rows = [
        (each.variant, f"{each.imports_mb:.0f}", f"{each.loaded_mb:.0f}", f"{each.frames_mb:.0f}")
        if each.not_measured is None
        else (each.variant, f"not measured: {each.not_measured}", "", "")
        for each in report.memory
    ]
    title = "Peak memory in MB, a process each: after the imports, the load, the frames"
    return table(title, ("variant", "imports", "load", "frames"), rows)


def _conditions(report: BenchReport) -> str:
    machine, conditions = report.machine, report.conditions
    cold = [
        f"Cold start of {each.identity.name}: load {each.cold_start.load_ms:.0f} ms, "
        f"first frame {each.cold_start.first_frame_ms:.1f} ms"
        for each in report.variants
        if each.cold_start
    ]
    others = "unknown" if conditions.others_cores is None else f"{conditions.others_cores:.2f} cores"
    decode = f"; decoding a file {report.file_decode.p50_ms:.2f} ms (p50)" if report.file_decode else ""
    energy = report.saturated[0].energy.not_measured if report.saturated else None
    lines = [
        *cold,
        *([f"Energy not measured: {energy}"] if energy else []),
        f"Frames: {conditions.frames}, {', '.join(conditions.frame_sizes_px[:3])} px{decode}",
        f"{conditions.warmup} rounds to warm up, {conditions.settle_ms:g} ms before each frame; load at start and end "
        f"{conditions.load_1_min_start} and {conditions.load_1_min_end}; other programs {others}",
        *(device_lines(conditions.device) if conditions.device else ()),
        f"{machine.cpu}, {machine.usable_cores} of {machine.cores} cores, {machine.architecture}, {machine.os}, "
        f"Python {machine.python}, onnxruntime {machine.onnxruntime}, openvino {machine.openvino or 'not installed'}, "
        f"threads {machine.threads or 'default'}",
    ]
    return "\n".join(lines)


def _interval(ratio: Interval) -> str:
    return f"{ratio.estimate:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
