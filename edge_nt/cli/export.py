"""`edge-nt export`: a trained run → a bundle for the cart, at one precision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.bundle.manifest import Target
    from edge_nt.export.bundle_export import ExportReport

RUNS_FOLDER = Path("runs")
BUILD_FOLDER = Path("export/build")


def export(
    run: Annotated[Path | None, typer.Argument(help="Run folder; the newest under ./runs by default.")] = None,
    *,
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp32",
    target: Annotated[str | None, typer.Option(help="What runs INT8: tensorrt (default) or cpu.")] = None,
    out: Annotated[Path | None, typer.Option(help="Bundle folder; export/build/RUN-PRECISION by default.")] = None,
    data: Annotated[Path | None, typer.Option(help="The run's dataset folder, where it has moved.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="CSV with a column file: what INT8 is fitted on.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Recipe TOML; export/PRECISION.toml by default.")] = None,
) -> None:
    """Export encoder and decoder to ONNX, check them with TensorRT's parser, and write the bundle."""
    from rich.console import Console

    from edge_nt.export.recipe import read_export_recipe

    settings = read_export_recipe(precision, recipe)
    from edge_nt.export.bundle_export import export_bundle
    from edge_nt.training.run_folder import newest_run

    source = newest_run(RUNS_FOLDER) if run is None else run
    name = f"{source.resolve().name}-{precision}{'-cpu' if target == 'cpu' else ''}"
    folder = BUILD_FOLDER / name if out is None else out
    console = Console(stderr=True)
    with console.status("starting") as status:

        def show(stage: str, done: int, total: int) -> None:
            status.update(f"{stage} ({done}/{total})" if total else stage)

        report = export_bundle(
            source,
            recipe=settings,
            out=folder,
            target=cast("Target | None", target),
            data_root=data,
            calibration=calibration,
            on_stage=show,
        )
    print_report(report, console)
    typer.echo(str(report.bundle))


def print_report(report: ExportReport, console: Console) -> None:
    """Show the sizes of graphs and plans, what was checked, and what INT8 was calibrated on."""
    from rich.table import Table

    manifest, tensorrt = report.manifest, report.tensorrt
    engine = "" if manifest.target == "any" else f" for {manifest.target}"
    table = Table(
        title=f"{manifest.precision}{engine} of {'SYNTHETIC ' if manifest.synthetic else ''}{manifest.structure}"
    )
    for name in ("graph", "ONNX MB", "TensorRT-RTX plan MB", "lint"):
        table.add_column(name, justify="left" if name in ("graph", "lint") else "right")
    for graph, size_bytes in report.graph_sizes_bytes.items():
        plan = tensorrt.plan_bytes.get(graph)
        table.add_row(graph, f"{size_bytes / 1e6:.2f}", "not checked" if plan is None else f"{plan / 1e6:.2f}", "clean")
    console.print(table)
    accepted = f"TensorRT-RTX {tensorrt.version}: parsed and built both graphs, strongly typed"
    console.print(
        f"TensorRT-RTX: not checked: {tensorrt.not_checked}" if tensorrt.not_checked else accepted, markup=False
    )
    if manifest.calibration is not None and manifest.quantisation is not None:
        images = manifest.calibration.images
        hospitals = ", ".join(sorted({image.hospital for image in images}))
        calibrator = manifest.quantisation.calibrator
        console.print(f"INT8 ranges: {calibrator} over {len(images)} training images of {hospitals}")
