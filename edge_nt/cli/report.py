"""`edge-nt report`: one page about a study, for whoever signs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    named: Annotated[
        list[Path],
        typer.Argument(help="Run, evaluation and bundle folders, result files, or folders of them.", metavar="PATH..."),
    ],
    *,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained HTML page: what was trained, what it keeps and loses, which gates it passed."""
    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.report.page import write_report

    check_output_file(out, [path for path in named if (path / "bundle.json").is_file()])
    study = write_report(named, out)
    for file in study.files:
        typer.echo(f"[{file.source.number}] {file.source.name}: {file.source.kind}", err=True)
    typer.echo(f"Report: {out} ({out.stat().st_size / 1e6:.1f} MB)")
