"""`edge-nt doctor`: whether this machine can do its work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.given_options import refuse_others
from edge_nt.cli.screen import print_tables, screen, styled, table
from edge_nt.cli.serve import DEFAULT_PORT
from edge_nt.engines.workspace import DEFAULT_WORKSPACE_MB
from edge_nt.errors import GateFailedError

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.health.scope import Scope
    from edge_nt.runtime.self_test import SelfTestReport


def doctor(
    context: typer.Context,
    bundle: Annotated[
        Path | None, typer.Argument(help="Bundle folder to check, too.", metavar="[BUNDLE]", show_default=False)
    ] = None,
    *,
    json: Annotated[
        Path | None, typer.Option(help="Report file to write; - prints it instead of the table.", show_default=False)
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder that results will go to.")] = Path(),
    cameras: Annotated[bool, typer.Option("--cameras", help="Open every camera, too.")] = False,
    port: Annotated[int, typer.Option(help="Port of edge-nt serve.")] = DEFAULT_PORT,
    self_test: Annotated[
        Path | None,
        typer.Option(help="Instead: bundle folder to try on this machine's GPU.", metavar="BUNDLE", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="Report file of --self-test.")] = Path("self-test.json"),
    workspace_mb: Annotated[
        int, typer.Option(help="Most memory that a kernel may work in, while building for --self-test.")
    ] = DEFAULT_WORKSPACE_MB,
) -> None:
    """Ask this machine what is wrong with it: each line ok, warn or fail, with the fix; exit code 1 if any fails.

    With --self-test it tries a bundle on the GPU: build, golden vectors, onnxruntime, launches, threads, memory.
    """
    if self_test is not None:
        refuse_others(context, "--self-test", ("self_test", "out", "workspace_mb"))
        _self_test(self_test, out, workspace_mb)
        return
    from edge_nt.health.scope import Scope

    refuse_others(context, "an examination without --self-test", ("bundle", "json", "results", "cameras", "port"))
    _examine(Scope(bundle, results, port, cameras), json)


def _self_test(self_test: Path, out: Path, workspace_mb: int) -> None:
    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.bundle.read import read_bundle
    from edge_nt.cli.build import build_progress
    from edge_nt.engines.platform import this_platform
    from edge_nt.results import write_result
    from edge_nt.runtime.golden import shipped_tolerances
    from edge_nt.runtime.self_test import run_self_test

    console = screen()
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


def _examine(scope: Scope, json: Path | None) -> None:
    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.cli.doctor_tables import show_doctor
    from edge_nt.health.examination import examine
    from edge_nt.results import result_text, write_result

    to_stdout = json is not None and str(json) == "-"
    if json is not None and not to_stdout:
        check_output_file(json, () if scope.bundle is None else (scope.bundle,))
    console = screen(stderr=to_stdout)
    with console.status("Looking at this machine") as status:
        report = examine(scope, lambda title: status.update(f"Looking at: {title}"))
    if to_stdout:
        print(result_text(report), end="")
    else:
        show_doctor(console, report)
    if json is not None and not to_stdout:
        write_result(json, report)
        console.print(f"Report: {json}", markup=False, highlight=False, soft_wrap=True)
    failed = report.having("fail")
    if failed:
        raise GateFailedError(
            expected="every check of this machine to pass",
            got="; ".join(f"{check.name}: {check.seen}" for check in failed),
            fix="; ".join(dict.fromkeys(check.fix for check in failed)),
        )


def _print_report(report: SelfTestReport, console: Console) -> None:
    from edge_nt.cli.build import launch_line

    platform = report.platform
    title = f"{report.precision} on {platform.device}, TensorRT {platform.tensorrt}, {report.device_package}"
    marks = {True: styled("pass", "green"), False: styled("FAIL", "red")}
    rows = [(check.name, marks[check.passed], check.seen) for check in report.checks]
    print_tables(console, table(title, ("check", "", "seen"), rows))
    if report.launches is not None:
        console.print(launch_line(report.launches), markup=False, highlight=False, soft_wrap=True)
