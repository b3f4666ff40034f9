"""`edge-nt doctor`: whether this machine can do its work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.engines.build import DEFAULT_WORKSPACE_MB
from edge_nt.errors import GateFailedError

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.runtime.self_test import SelfTestReport


def doctor(
    *,
    self_test: Annotated[Path, typer.Option(help="Bundle folder to try on this machine's GPU.", metavar="BUNDLE")],
    out: Annotated[Path, typer.Option(help="Report file to write.")] = Path("self-test.json"),
    workspace_mb: Annotated[
        int, typer.Option(help="Most memory that a kernel may work in, while building.")
    ] = DEFAULT_WORKSPACE_MB,
) -> None:
    """Try a bundle on this machine's GPU: build, golden vectors, onnxruntime, launches, threads, memory."""
    from rich.console import Console

    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.bundle.read import read_bundle
    from edge_nt.cli.build import build_progress
    from edge_nt.engines.platform import this_platform
    from edge_nt.results import write_result
    from edge_nt.runtime.golden import shipped_tolerances
    from edge_nt.runtime.self_test import run_self_test

    console = Console()
    bundle = read_bundle(self_test)
    check_output_file(out, (self_test,))
    # A machine without a GPU gets one line, before anything is drawn.
    this_platform()
    with build_progress(console) as on_build:
        report = run_self_test(bundle, shipped_tolerances(), workspace_mb=workspace_mb, on_build=on_build)
    write_result(out, report)
    _print_report(report, console)
    console.print(f"Report: {out}", markup=False, highlight=False, soft_wrap=True)
    failed = [check for check in report.checks if not check.passed]
    if failed:
        raise GateFailedError(
            expected="every check of the self-test to pass",
            got="; ".join(f"{check.name}: {check.seen}" for check in failed),
            fix="use another --backend on this machine, and report this with the report file",
        )


def _print_report(report: SelfTestReport, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from edge_nt.cli.build import launch_line

    platform = report.platform
    table = Table(
        title=f"{report.precision} on {platform.device}, TensorRT {platform.tensorrt}, {report.device_package}"
    )
    for name in ("check", "", "seen"):
        table.add_column(name)
    for check in report.checks:
        table.add_row(check.name, "[green]pass[/green]" if check.passed else "[red]FAIL[/red]", Text(check.seen))
    console.print(table)
    if report.launches is not None:
        console.print(launch_line(report.launches), markup=False, highlight=False, soft_wrap=True)
