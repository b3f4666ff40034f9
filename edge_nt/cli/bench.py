"""`edge-nt bench`: how long a frame takes on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from edge_nt.bench.latency import BenchReport


def bench(
    bundles: Annotated[list[Path], typer.Argument(help="Bundle folders; they take turns.", metavar="BUNDLE...")],
    *,
    frames: Annotated[int, typer.Option(help="Timed frames a bundle.")] = 200,
    warmup: Annotated[int, typer.Option(help="Frames before that, not counted.")] = 20,
    source: Annotated[
        list[Path] | None, typer.Option("--input", help="Image file or folder; the bundle's golden frames by default.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON report to write.")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads inside an operator; onnxruntime's choice by default.")
    ] = None,
) -> None:
    """Measure p50, p95 and p99 of every stage, with warm-up, cold start apart and the machine written down."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress

    from edge_nt.atomic import write_json
    from edge_nt.bench.frames import file_frames, golden_frames
    from edge_nt.bench.latency import measure_latency
    from edge_nt.bundle.output_file import check_output_file

    console = Console()
    if out is not None:
        check_output_file(out, bundles)
    bench_frames = file_frames(source) if source else golden_frames(bundles[0])
    # The bar is drawn after the measurement's rounds only, without a drawing thread of its own.
    with Progress(console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("frames", total=frames + warmup)
        report = measure_latency(
            bundles,
            bench_frames,
            count=frames,
            warmup=warmup,
            threads=threads,
            on_frame=lambda done, total: progress.update(task, completed=done, refresh=done % 20 == 0),
        )
    console.print(_table(report), _conditions(report), highlight=False)
    if out is not None:
        write_json(out, asdict(report))
        console.print(f"Report: {out}", highlight=False, soft_wrap=True)


def _table(report: BenchReport) -> Table:
    from rich.table import Table

    table = Table(title="Latency in ms", title_justify="left")
    for name in ("bundle", "stage", "n", "p50", "p95", "p99", "max", "mean"):
        table.add_column(name, justify="left" if name in ("bundle", "stage") else "right")
    rows = [
        (f"{each.bundle} ({each.precision})", name, stats)
        for each in report.bundles
        for name, stats in each.stages.items()
    ]
    if report.file_decode is not None:
        rows.append(("any", "file decode", report.file_decode))
    for bundle, stage, stats in rows:
        times = (stats.p50_ms, stats.p95_ms, stats.p99_ms, stats.max_ms, stats.mean_ms)
        table.add_row(bundle, stage, str(stats.n), *(f"{value:.2f}" for value in times), end_section=stage == "total")
    return table


def _conditions(report: BenchReport) -> str:
    machine = report.machine
    cold = "\n".join(
        f"Cold start of {each.bundle}: load {each.cold_start.load_ms:.0f} ms, "
        f"first frame {each.cold_start.first_frame_ms:.1f} ms"
        for each in report.bundles
    )
    threads = machine.threads or "default"
    warmup = report.bundles[0].stages["total"].warmup
    return (
        f"{cold}\nFrames: {report.frames}, {', '.join(report.frame_sizes_px[:3])} px, after {warmup} to warm up\n"
        f"{machine.cpu}, {machine.usable_cores} of {machine.cores} cores, {machine.architecture}, {machine.os}, "
        f"Python {machine.python}, onnxruntime {machine.onnxruntime}, threads {threads}, load {machine.load_1_min}"
    )
