"""`edge-nt export`: a trained run → a bundle for the cart, at one precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from edge_nt.cli.screen import screen

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.bundle.manifest import Target
    from edge_nt.export.bundle_export import ExportReport
    from edge_nt.export.bundle_parts import OnStage

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
    calibrator: Annotated[
        str | None, typer.Option(help="How INT8 ranges are fitted, in place of the recipe's; auto tries them all.")
    ] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="Search for the fewest float layers with which INT8 passes its gates.")
    ] = False,
    gates: Annotated[
        Path | None, typer.Option(help="What auto judges by; benchmarks/roi_gates.toml by default.")
    ] = None,
    qat: Annotated[bool, typer.Option("--qat", help="Train INT8's weights on with its rounding, for minutes.")] = False,
    qat_steps: Annotated[int | None, typer.Option(help="Steps of --qat; export/qat.toml's by default.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Recipe TOML; export/PRECISION.toml by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace also a bundle that has a verdict of verify.")] = False,
) -> None:
    """Export encoder and decoder to ONNX, check them with TensorRT's parser, and write the bundle."""
    from edge_nt.export.recipe import read_export_recipe, with_calibrator

    settings = with_calibrator(read_export_recipe(precision, recipe), calibrator)
    fine_tuning = None
    if qat or qat_steps is not None:
        from edge_nt.export.qat_recipe import read_qat_recipe

        fine_tuning = read_qat_recipe(steps=qat_steps)
    from edge_nt.cli.build import build_after_export
    from edge_nt.cli.export_tables import print_report
    from edge_nt.export.bundle_export import export_bundle
    from edge_nt.export.int8_export import Int8Options
    from edge_nt.training.run_folder import newest_run

    source = newest_run(RUNS_FOLDER) if run is None else run
    name = f"{source.resolve().name}-{precision}{'-cpu' if target == 'cpu' else ''}{'-qat' if fine_tuning else ''}"
    folder = BUILD_FOLDER / name if out is None else out
    console = screen(stderr=True)
    with _stages(console) as on_stage:
        report = export_bundle(
            source,
            recipe=settings,
            out=folder,
            target=cast("Target | None", target),
            data_root=data,
            int8=Int8Options(calibration, auto, gates, fine_tuning),
            force=force,
            on_stage=on_stage,
        )
    print_report(report, console)
    _hint(report, console)
    typer.echo(str(report.bundle))
    # Last: a build that fails leaves a bundle that is whole, and named.
    build_after_export(report.bundle, console)


@contextmanager
def _stages(console: Console) -> Iterator[OnStage]:
    """A line that says what is under way, with a bar where its end is known."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("starting", total=None)

        def show(stage: str, done: int, total: int) -> None:
            progress.update(task, description=stage, completed=done, total=total or None)

        yield show


def _hint(report: ExportReport, console: Console) -> None:
    if report.manifest.precision != "fp32":
        command = f"edge-nt verify {report.bundle} --reference FP32_BUNDLE --data DIR"
        console.print(f"Not verified yet: {command}", markup=False, highlight=False, soft_wrap=True)
