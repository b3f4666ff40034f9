"""`edge-nt ood`: which frames every OOD score rejects, on unseen sites, other anatomy and graded corruptions."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import counting, print_tables, screen, table
from edge_nt.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.evaluation.ood_result import OodReport, StageProtocols


class Stage(str, Enum):
    """A stage of a run."""

    stage1 = "stage1"
    stage2 = "stage2"


def ood(
    run: Annotated[Path | None, typer.Argument(help="Run folder. [default: the newest under runs/]")] = None,
    data: Annotated[Path | None, typer.Option(help="The run's dataset folder, where it has moved.")] = None,
    *,
    folders: Annotated[
        list[Path] | None,
        typer.Option("--ood", help="Folder of images of something else; repeat for several.", metavar="DIR"),
    ] = None,
    operation: Annotated[
        Path | None,
        typer.Option(
            help="Instead: a bundle of the run, whose watch and drift monitor are played live sequences of its scans.",
            metavar="BUNDLE",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write. [default: RUN/ood, RUN/ood-operation]", metavar="DIR")
    ] = None,
    stages: Annotated[
        list[Stage] | None, typer.Option("--stage", help="Only this stage. [default: both]", show_default=False)
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Of corruptions and intervals; the same seed gives the same figures.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print ood.json instead of tables.")] = False,
) -> None:
    """Measure what each out-of-distribution score rejects, against held-in validation, and show why."""
    from edge_nt.evaluation.ood_protocols import measure_ood
    from edge_nt.evaluation.ood_result import OOD_RESULT_NAME
    from edge_nt.training.run_folder import newest_run

    notes = screen(stderr=True)
    chosen = newest_run(Path("runs")) if run is None else run
    # `edge-nt report RUN` reads RUN/ood, and knows nothing of operation.
    folder = chosen / ("ood" if operation is None else "ood-operation") if out is None else out
    if operation is not None:
        _refuse_beside_operation(folders, stages)
        _operation(chosen, operation, data, folder, seed=seed, as_json=as_json)
        return
    notes.print(f"OOD protocols of {chosen}", highlight=False, soft_wrap=True)
    with counting("frames") as on_frames:
        report = measure_ood(
            chosen,
            data,
            folders=folders or (),
            out=folder,
            stages=tuple(stage.value for stage in sorted(set(stages or Stage), key=lambda each: each.value)),
            seed=seed,
            on_frames=on_frames,
        )
    if as_json:
        typer.echo((folder / OOD_RESULT_NAME).read_text(encoding="utf-8"), nl=False)
    else:
        _print(screen(), report)
        notes.print(f"{folder}: {OOD_RESULT_NAME}, ood.md, {', '.join(report.panels)}", highlight=False, soft_wrap=True)


def _refuse_beside_operation(folders: list[Path] | None, stages: list[Stage] | None) -> None:
    if folders or stages:
        raise InputError(
            expected="--operation without --ood and --stage",
            got="one of them beside it",
            fix="measure the protocols in a call of their own",
        )


def _operation(run: Path, bundle: Path, data: Path | None, out: Path, *, seed: int, as_json: bool) -> None:
    from edge_nt.evaluation.ood_operation import MARKDOWN_NAME, measure_operation
    from edge_nt.evaluation.ood_operation_result import OPERATION_RESULT_NAME

    with counting("held-in scans, played live") as on_scan:
        measure_operation(run, bundle, data, out=out, seed=seed, on_scan=on_scan)
    shown = out / (OPERATION_RESULT_NAME if as_json else MARKDOWN_NAME)
    typer.echo(shown.read_text(encoding="utf-8"), nl=False)
    screen(stderr=True).print(f"{out}: {OPERATION_RESULT_NAME}, {MARKDOWN_NAME}", highlight=False, soft_wrap=True)


def _print(console: Console, report: OodReport) -> None:
    from edge_nt.evaluation.ood_tables import choice_words

    if report.synthetic:
        console.print("SYNTHETIC phantoms: these figures say nothing about patients.")
    for stage in report.stages:
        _print_stage(console, stage, report)
    console.print(choice_words(report), highlight=False)


def _print_stage(console: Console, stage: StageProtocols, report: OodReport) -> None:
    """The method's own score beside the default; the others are in ood.md."""
    from edge_nt.evaluation.ood_tables import source_row, stage_rows

    names = [each.score for each in stage.scores]
    columns = [0, 1, 2, 2 + names.index(report.default)]
    rows = [[row[column] for column in columns] for row in [*stage_rows(stage), source_row(stage)]]
    title = f"{stage.stage}: AUROC / flagged % at 5 % false alarms"
    print_tables(console, table(title, ("frames", "n", names[0], report.default), rows))
