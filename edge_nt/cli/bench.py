"""`edge-nt bench`: how long a frame takes on this machine, and what that speed costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.bench_compare import check_percent, refuse_same_file, show_change
from edge_nt.cli.given_options import refuse_others
from edge_nt.cli.screen import screen
from edge_nt.cli.workstation import workstation
from edge_nt.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.bench.bench_report import BenchReport
    from edge_nt.bench.fidelity import FidelityData
    from edge_nt.bench.frames import BenchFrames
    from edge_nt.bench.measure import BenchPlan, OnStep
    from edge_nt.bench.variant import Variant

    # Adds what was asked for to a measured report.
    OnReport = Callable[[BenchReport], None]
    Sections = Callable[[BenchReport, OnStep, OnReport], BenchReport]


def bench(
    context: typer.Context,
    bundles: Annotated[
        list[Path],
        typer.Argument(
            help="Bundle folders, which take turns; with --compare also one earlier report.", metavar="BUNDLE..."
        ),
    ],
    *,
    backend: Annotated[
        list[str] | None, typer.Option(help="Backend to run every bundle on; repeatable.", show_default="onnxruntime")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads inside an operator; the backend's choice by default.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Timed frames a variant.")] = 80,
    warmup: Annotated[int, typer.Option(help="Frames before that, not counted.")] = 10,
    settle_ms: Annotated[
        float, typer.Option(help="Pause before each frame, so that other engines' threads rest.")
    ] = 75,
    source: Annotated[
        list[Path] | None, typer.Option("--input", help="Image file or folder; the bundle's golden frames by default.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="Variant that ratios are to; the first peer or variant.")] = None,
    data: Annotated[Path | None, typer.Option(help="Dataset folder: gates beside every speed.", metavar="DIR")] = None,
    reference: Annotated[Path | None, typer.Option(help="FP32 bundle for --data.", metavar="FP32_BUNDLE")] = None,
    gates: Annotated[
        Path | None, typer.Option(help="Gate file for --data; benchmarks/roi_gates.toml by default.")
    ] = None,
    paced: Annotated[list[float] | None, typer.Option(help="Frame rate to run at; repeatable.", metavar="HZ")] = None,
    sweep_threads: Annotated[list[int] | None, typer.Option(help="Number of threads to try; repeatable.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also saturated, energy, memory, paced 30 and 60 Hz, threads 1 … cores.")
    ] = False,
    peers: Annotated[
        Path | None,
        typer.Option(help="The bundles' run: also torch, engines at defaults; with --data, codecs.", metavar="RUN"),
    ] = None,
    floor: Annotated[
        bool, typer.Option("--floor", help="Also the compute floor of this machine, and Jetsons on paper.")
    ] = False,
    scaling: Annotated[bool, typer.Option("--scaling", help="Also the cost by frame size and by batch.")] = False,
    out: Annotated[Path | None, typer.Option(help="JSON report to write.")] = None,
    compare: Annotated[Path | None, typer.Option(help="Earlier report: say what moved.", metavar="OLD.json")] = None,
    fail_on_regression: Annotated[
        float | None, typer.Option(help="With --compare: exit 1 when slower by more, beyond noise.", metavar="PCT")
    ] = None,
) -> None:
    """Measure variants in turn, each after a pause: latency by stage, ratios, and with options what else matters."""
    from edge_nt.bench.bench_report import BenchReport
    from edge_nt.bench.measure import BenchPlan
    from edge_nt.bench.variant import bundle_variants
    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.results import read_result

    console, backends = screen(), backend or ["onnxruntime"]
    check_percent(fail_on_regression, compare)
    old = None if compare is None else read_result(compare, BenchReport)
    if old is not None and len(bundles) == 1 and bundles[0].is_file():
        refuse_others(context, "two reports", ("bundles", "compare", "fail_on_regression"))
        report = read_result(bundles[0], BenchReport)
    else:
        if out is not None:
            check_output_file(out, bundles)
            refuse_same_file(out, compare)
        plan = BenchPlan(
            rounds=frames,
            warmup=warmup,
            settle_ms=settle_ms,
            baseline=baseline,
            saturated=full,
            paced_hz=tuple(paced or ((30, 60) if full else ())),
            memory=full,
            sweep=_sweep(bundles, backends, sweep_threads or (_thread_counts() if full else ())),
            # With peers alone, the dataset is for the codecs.
            fidelity=None if peers and not (reference or gates) else _fidelity(reference, data, gates),
        )
        variants = (*bundle_variants(bundles, backends, threads), *_peers(peers, bundles))
        sections = _sections(bundles, floor, scaling, data if peers else None)
        chosen = _frames(source, bundles, old, settle_ms)
        report = _measured(console, variants, chosen, plan, sections, out=out)
        _publish(console, report, out)
    if old is not None:
        show_change(console, old, report, fail_on_regression)


def _sweep(bundles: Sequence[Path], backends: Sequence[str], counts: Sequence[int]) -> dict[int, tuple[Variant, ...]]:
    from edge_nt.bench.variant import bundle_variants

    return {count: bundle_variants(bundles, backends, count) for count in counts}


def _thread_counts() -> tuple[int, ...]:
    """1, 2, 4 … and all the cores that this process may use."""
    from edge_nt.machine import usable_cores

    cores = usable_cores()
    return tuple(sorted({1 << power for power in range(cores.bit_length()) if 1 << power < cores} | {cores}))


def _fidelity(reference: Path | None, data: Path | None, gates: Path | None) -> FidelityData | None:
    from edge_nt.bench.fidelity import read_fidelity_data

    if reference is None and data is None and gates is None:
        return None
    if reference is None or data is None:
        raise InputError(
            expected="--data and --reference together",
            got="--reference" if reference else ("--data" if data else "--gates alone"),
            fix="name both the dataset folder and the FP32 bundle",
        )
    return read_fidelity_data(reference, data, gates)


def _peers(run: Path | None, bundles: Sequence[Path]) -> Sequence[Variant]:
    if run is None:
        return ()
    with workstation("--peers, --floor and --scaling"):
        from edge_nt.workbench.peers import peer_variants
    return peer_variants(run, bundles)


def _sections(bundles: Sequence[Path], floor: bool, scaling: bool, scans: Path | None) -> Sections:
    """What to add to a measured report, with what it needs looked for at once: not after minutes of work."""
    if not floor and not scaling and scans is None:
        return lambda report, _on_step, _on_report: report
    with workstation("--peers, --floor and --scaling"):
        from edge_nt.workbench.bench_sections import check_sections, with_sections
    check_sections(folders=bundles, floor=floor, scaling=scaling, scans=scans)
    return partial(with_sections, folders=bundles, floor=floor, scaling=scaling, scans=scans)


def _frames(
    source: Sequence[Path] | None, bundles: Sequence[Path], old: BenchReport | None, settle_ms: float
) -> BenchFrames:
    """What is measured on; refused before it is where `old` could not be compared with it."""
    from edge_nt.bench.compare import refuse_other_conditions
    from edge_nt.bench.frames import file_frames, golden_frames

    frames = file_frames(source) if source else golden_frames(bundles[0])
    if old is not None:
        refuse_other_conditions(old.conditions, frames.origin, frames.sizes(), settle_ms)
    return frames


def _measured(
    console: Console,
    variants: Sequence[Variant],
    frames: BenchFrames,
    plan: BenchPlan,
    sections: Sections,
    *,
    out: Path | None,
) -> BenchReport:
    from rich.progress import Progress

    from edge_nt.bench.measure import measure
    from edge_nt.results import write_result

    # The bar is drawn between rounds only, without a drawing thread of its own.
    with Progress(console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("latency")

        def on_step(section: str, done: int, total: int) -> None:
            progress.update(task, description=section, completed=done, total=total, refresh=True)

        # What may still fail, or be stopped, takes nothing along that is measured.
        keep: OnReport = (lambda _report: None) if out is None else partial(write_result, out)
        report = measure(variants, frames, plan, on_step)
        keep(report)
        return sections(report, on_step, keep)


def _publish(console: Console, report: BenchReport, out: Path | None) -> None:
    from edge_nt.cli.bench_tables import show_report
    from edge_nt.cli.workbench_tables import show_sections
    from edge_nt.results import write_result

    # Before anything is shown: what took minutes to measure must not be lost to a closed pipe.
    if out is not None:
        write_result(out, report)
    show_report(console, report)
    show_sections(console, report)
    if out is not None:
        console.print(f"Report: {out}", highlight=False, soft_wrap=True)
    if all(each.failed for each in report.variants):
        raise InputError(
            expected="at least one variant that runs",
            got="; ".join(f"{each.identity.name}: {each.failed}" for each in report.variants),
            fix="see the reasons above",
        )
