"""`edge-nt caliper`: NT thickness on a dataset's scans and reconstructions, or the caliper's proof on phantoms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import counting, print_tables, screen, table
from edge_nt.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from edge_nt.workbench.caliper_agreement import Agreement, Coverage
    from edge_nt.workbench.caliper_report import CaliperReport
    from edge_nt.workbench.caliper_study_result import CaliperStudy


def caliper(
    data: Annotated[Path | None, typer.Argument(help="Dataset folder with boxes.", metavar="DATA_DIR")] = None,
    *,
    bundle: Annotated[
        Path | None, typer.Option(help="Also measure this bundle's reconstructions.", metavar="BUNDLE")
    ] = None,
    roi: Annotated[str, typer.Option(help="Structure whose boxes are measured.")] = "NT",
    phantoms: Annotated[
        int | None, typer.Option(help="Instead of a dataset: prove the caliper on this many phantoms.", metavar="N")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the phantoms; the same seed draws the same ones.")] = 0,
    out: Annotated[Path, typer.Option(help="Result file to write.")] = Path("caliper.json"),
) -> None:
    """Measure NT thickness, inner to inner; agreement with stated values, or with the truth of phantoms."""
    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.results import write_result
    from edge_nt.workbench.caliper_dataset import measure_dataset
    from edge_nt.workbench.caliper_study import study_caliper

    if (data is None) == (phantoms is None) or (phantoms is not None and bundle is not None):
        raise InputError(
            expected="a dataset folder, or --phantoms N alone",
            got="both" if phantoms is not None else "neither",
            fix="run `edge-nt caliper DATA_DIR` or `edge-nt caliper --phantoms 900`",
        )
    check_output_file(out, () if bundle is None else (bundle,))
    console = screen()
    with counting("images") as on_image:
        report = (
            measure_dataset(data, roi, bundle, on_image)
            if data is not None
            else study_caliper(phantoms or 0, seed, on_image)
        )
    write_result(out, report)
    _print(console, report)
    console.print(f"Result: {out}", highlight=False, soft_wrap=True)


def _print(console: Console, report: CaliperReport | CaliperStudy) -> None:
    from edge_nt.workbench.caliper_report import CaliperReport

    if isinstance(report, CaliperReport):
        print_tables(console, _coverage_table(report), _agreement_table(report))
    else:
        print_tables(console, _study_table(report))
        times = ", ".join(f"{size} {ms:.1f} ms" for size, ms in report.read_ms_median.items())
        console.print(f"Median time of one reading: {times}", highlight=False)


def _coverage_table(report: CaliperReport) -> Table:
    from edge_nt.workbench.caliper_report import READ_IMAGES

    synthetic = " (SYNTHETIC)" if report.synthetic and "SYNTHETIC" not in report.dataset else ""
    rows = []
    for group in report.groups:
        for field, name in READ_IMAGES.items():
            each: Coverage | None = getattr(group, field)
            if each is not None:
                rows.append((group.group, name, *_coverage_cells(each), _reasons(each)))
    title = f"{report.structure}, {report.dataset}{synthetic}"
    return table(title, ("group", "image", "n", "measurable", "why not"), rows)


def _agreement_table(report: CaliperReport) -> Table:
    from edge_nt.workbench.caliper_report import COMPARED

    rows = []
    for group in report.groups:
        for field, name in COMPARED.items():
            each: Agreement | None = getattr(group, field)
            if each is not None:
                rows.append((group.group, name, str(each.n), *_agreement_cells(each)))
    return table("Agreement", ("group", "what", "n", "bias", "95 % limits", "median", "mean |difference|"), rows)


def _study_table(study: CaliperStudy) -> Table:
    title = f"SYNTHETIC: {study.phantoms} phantoms of known thickness, seed {study.seed}"
    names = ("size", "phantoms", "n", "measurable", "bias mm", "95 % limits", "bias px", "95 % limits")
    rows = []
    for row in study.rows:
        mm = _agreement_cells(row.mm)[:2] if row.mm else ("", "")
        px = _agreement_cells(row.px)[:2] if row.px else ("", "")
        rows.append((row.size, row.name, *_coverage_cells(row.coverage), *mm, *px))
    return table(title, names, rows)


def _coverage_cells(coverage: Coverage) -> tuple[str, str]:
    share = f"{coverage.measurable} ({100 * coverage.measurable / coverage.n:.1f} %)" if coverage.n else "0"
    return str(coverage.n), share


def _reasons(coverage: Coverage) -> str:
    return "; ".join(f"{each.reason}: {each.count}" for each in coverage.refusals)


def _agreement_cells(agreement: Agreement) -> tuple[str, str, str, str]:
    form = ".3f" if agreement.unit == "mm" else ".2f"
    return (
        f"{agreement.bias:+{form}} {agreement.unit}",
        f"{agreement.low:+{form}} … {agreement.high:+{form}}",
        f"{agreement.median:+{form}}",
        f"{agreement.mean_absolute:{form}}",
    )
