"""`edge-nt verify`: a candidate bundle against its FP32 reference, gated inside the ROI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.errors import GateFailedError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from edge_nt.verify.verdicts import GroupFigures
    from edge_nt.verify.verification import VerifyReport


def verify(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder to judge.", metavar="BUNDLE")],
    *,
    reference: Annotated[Path, typer.Option(help="FP32 bundle of the same checkpoint.", metavar="FP32_BUNDLE")],
    data: Annotated[Path, typer.Option(help="Dataset folder with ROI boxes.", metavar="DIR")],
    gates: Annotated[Path | None, typer.Option(help="Gate file; benchmarks/roi_gates.toml by default.")] = None,
    out: Annotated[Path, typer.Option(help="Report file to write.")] = Path("verify.json"),
    backend: Annotated[
        str, typer.Option(help="What runs BUNDLE: auto, onnxruntime, openvino or openvino-bf16.")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(help="Threads inside an operator; the backend's choice by default.")
    ] = None,
) -> None:
    """Compare two bundles frame by frame and gate what the ROI and the OOD score lose; exit 1 when a gate fails."""
    from rich.console import Console
    from rich.progress import Progress

    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.results import write_result
    from edge_nt.verify.gates import read_gates
    from edge_nt.verify.verification import verify_bundles

    console = Console()
    check_output_file(out, (bundle, reference))
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("frames", total=None)
        report = verify_bundles(
            bundle,
            reference,
            data,
            read_gates(gates),
            threads=threads,
            backend=backend,
            on_frame=lambda done, total: progress.update(task, completed=done, total=total),
        )
    write_result(out, report)
    _print_report(console, report)
    console.print(f"Report: {out}", highlight=False, soft_wrap=True)
    _raise_failed(report)


def _print_report(console: Console, report: VerifyReport) -> None:
    data = f"{report.dataset}{' (SYNTHETIC)' if report.synthetic else ''}"
    sides = (f"{side.precision} on {side.backend}" for side in (report.candidate, report.reference))
    pair = " against ".join(sides)
    console.print(f"{pair}, ROI {report.structure}, {data}", highlight=False)
    for group in report.groups:
        console.print(_gate_table(group, report))
    console.print(_hospital_table(report))


def _gate_table(group: GroupFigures, report: VerifyReport) -> Table:
    from rich.table import Table

    table = Table(title=f"{group.group} ({group.frames} frames, {group.roi_frames} with ROI)", title_justify="left")
    for name in ("metric", "reference", "candidate", "change", "limit", "gate"):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=name != "metric")
    for each in report.verdicts:
        if each.group == group.group:
            pair = ["" if value is None else f"{value:.4g}" for value in (each.reference, each.candidate)]
            mark = "[green]pass[/green]" if each.passed else "[red]FAIL[/red]"
            table.add_row(f"{each.metric}, {each.unit}", *pair, f"{each.change:+.4f}", f"{each.limit:g}", mark)
    return table


def _hospital_table(report: VerifyReport) -> Table:
    from rich.table import Table

    table = Table(title="By hospital (not gated)", title_justify="left")
    for name in ("hospital", "frames", "ROI", "ROI |diff|", "PSNR dB", "OOD shift", "OOD flips"):
        table.add_column(name, justify="left" if name == "hospital" else "right")
    for row in report.hospitals:
        difference = f"{row.roi.difference_grey_levels:.3f}" if row.roi else ""
        change = f"{row.candidate_psnr_db - row.reference_psnr_db:+.3f}"
        flips = f"{row.flips} ({100 * row.flips / row.frames:.0f} %)"
        counts = str(row.frames), str(row.roi_frames)
        table.add_row(row.group, *counts, difference, change, f"{row.ood_median_shift:.3f}", flips)
    return table


def _raise_failed(report: VerifyReport) -> None:
    failed = [verdict for verdict in report.verdicts if not verdict.passed]
    if failed:
        raise GateFailedError(
            expected=f"every gate of {report.gate_file} to pass",
            got="; ".join(f"{v.metric} of {v.group} {v.change:.3g} {v.unit} (limit {v.limit:g})" for v in failed),
            fix="ship the reference precision, or export again with more of the graph left in float",
        )
