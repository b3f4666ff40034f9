"""`edge-nt bench-training`: how much faster this package trains than a plain recipe, and whether the losses agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import print_tables, screen, table
from edge_nt.cli.workstation import workstation

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from edge_nt.workbench.training_speed_result import TrainingSpeed


def bench_training(
    *,
    data: Annotated[Path, typer.Option(help="Dataset folder.")],
    held_out: Annotated[str, typer.Option(help="Hospital that is left out.")],
    roi: Annotated[str, typer.Option(help="Structure whose boxes stage 2 uses.")] = "NT",
    steps: Annotated[int, typer.Option(help="Steps of the loss curves, a multiple of 5 from 20.")] = 100,
    workers: Annotated[int, typer.Option(help="DataLoader processes of the second plain recipe.")] = 2,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, order and augmentation.")] = None,
    out: Annotated[Path, typer.Option(help="JSON report to write.")] = Path("training-speed.json"),
) -> None:
    """Train a plain recipe and ours in turns on the same batches; write speeds, loss curves and the step's profile."""
    from rich.progress import Progress

    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.results import write_result

    with workstation("bench-training"):
        from edge_nt.training.recipe import read_recipe
        from edge_nt.workbench.training_speed import measure_training_speed
    check_output_file(out, [])
    console = screen()
    # The bar is drawn between blocks only, without a drawing thread of its own.
    with Progress(console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("steps")
        report = measure_training_speed(
            data,
            held_out=held_out,
            structure=roi,
            recipe=read_recipe(None, {"seed": seed}),
            steps=steps,
            workers=workers,
            on_step=lambda done, total: progress.update(task, completed=done, total=total, refresh=True),
        )
    write_result(out, report)
    _show(console, report)
    console.print(f"Report: {out}", highlight=False, soft_wrap=True)


def _show(console: Console, report: TrainingSpeed) -> None:
    print_tables(console, _ways(report), _parts(report), _optimizers(report))
    speed = report.speed_up
    console.print(f"ours against the faster plain recipe: {speed.estimate:.2f}× [{speed.low:.2f}, {speed.high:.2f}]",
                  markup=False, highlight=False)  # fmt: skip
    for title, gap in (("ours - plain", report.ours_against_plain), ("seed - seed", report.plain_against_plain)):
        console.print(f"smoothed loss, {title}: largest {gap.largest:.4f}, mean {gap.mean:.4f}", highlight=False)
    for same in report.ms_ssim:
        where = "inside bf16 autocast" if same.inside_bf16_autocast else "in float32"
        console.print(
            f"MS-SSIM {where} against pytorch-msssim, {same.images} images: value {same.worst_value_difference:.1e}, "
            f"gradient {same.worst_gradient_difference:.1e}",
            highlight=False,
        )
    for warning in report.warnings:
        console.print(f"warning: {warning}", highlight=False)


def _ways(report: TrainingSpeed) -> Table:
    rows = [
        (
            way.name,
            f"{way.images_per_s:.1f}",
            f"{way.step.p50_ms:.0f}",
            f"{way.loader_share:.0%}",
            f"{way.speed_up:.2f}",
        )
        for way in report.ways
    ]
    title = "Training speed, each line with the changes of those above"
    return table(title, ("way", "images/s", "step ms", "waits for data", "× plain"), rows)


def _parts(report: TrainingSpeed) -> Table:
    rows = []
    for name in [part.part for part in report.profiles[-1].parts]:
        found = [next((part for part in profile.parts if part.part == name), None) for profile in report.profiles]
        rows.append((name, *("" if part is None else f"{part.p50_ms:.1f}  {part.share:.0%}" for part in found)))
    headings = ("part", *(f"{profile.way.split(':')[0]}, stage {profile.stage}" for profile in report.profiles))
    return table("A step by part, ms and share", headings, rows)


def _optimizers(report: TrainingSpeed) -> Table:
    rows = [(cost.name, f"{cost.p50_ms:.1f}", f"{cost.of_the_rest:.2f}") for cost in report.optimizers]
    title = "A step of the optimiser, ms and over the rest of a step of ours"
    return table(title, ("optimiser", "ms", "of the rest"), rows)
