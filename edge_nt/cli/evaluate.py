"""`edge-nt evaluate`: what both stages of a run keep and lose, by split and hospital."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import counting, print_tables, screen, table, with_note

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from edge_nt.evaluation.evaluation_result import Evaluation
    from edge_nt.evaluation.summary import GroupSummary, MetricSummary
    from edge_nt.metrics.bootstrap import Interval

_TITLES = {
    "psnr_db": "PSNR, dB",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "roi_mae": "ROI MAE",
    "roi_edge_mae": "ROI Edge-MAE",
    "roi_psnr_db": "ROI PSNR, dB",
}


def evaluate(
    run: Annotated[Path | None, typer.Argument(help="Run folder. [default: the newest under runs/]")] = None,
    data: Annotated[Path | None, typer.Option(help="The run's dataset folder, where it has moved.")] = None,
    ood: Annotated[
        list[Path] | None, typer.Option(help="Folder of other images to tell apart; repeat for several.", metavar="DIR")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write. [default: RUN/evaluation]", metavar="DIR")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print evaluation.json instead of tables.")] = False,
) -> None:
    """Measure stage 1 beside stage 2 on source validation and the held-out hospital, with OOD figures and panels."""
    from edge_nt.evaluation.evaluation import evaluate_run
    from edge_nt.evaluation.evaluation_result import RESULTS_NAME
    from edge_nt.training.run_folder import newest_run

    notes = screen(stderr=True)
    chosen = newest_run(Path("runs")) if run is None else run
    folder = chosen / "evaluation" if out is None else out
    notes.print(f"evaluating {chosen}", highlight=False, soft_wrap=True)
    with counting("frames") as on_frame:
        evaluation = evaluate_run(
            chosen,
            data,
            ood_folders=ood or (),
            out=folder,
            on_frame=on_frame,
        )
    if as_json:
        typer.echo((folder / RESULTS_NAME).read_text(encoding="utf-8"), nl=False)
    else:
        _print_tables(screen(), evaluation)
        files = ", ".join((RESULTS_NAME, *(panel.file for panel in evaluation.panels)))
        notes.print(f"{folder}: {files}", highlight=False, soft_wrap=True)


def _print_tables(console: Console, evaluation: Evaluation) -> None:
    if evaluation.synthetic:
        console.print("SYNTHETIC phantoms: these figures say nothing about patients.")
    for group in evaluation.groups:
        # The only hospital of a split would repeat the split.
        alone = sum(each.split == group.split for each in evaluation.groups) == 2
        if group.hospital is None or not alone:
            _print_group(console, group, evaluation)
    _print_ood(console, evaluation)


def _print_group(console: Console, group: GroupSummary, evaluation: Evaluation) -> None:
    hospitals = [each.hospital for each in evaluation.groups if each.split == group.split and each.hospital]
    where = f"{group.split}: {group.hospital or ' + '.join(hospitals)}"
    counts = {region.structure: region.images for region in group.regions}
    regions = "".join(f", {counts.get(structure, 0)} with {structure}" for structure in evaluation.structures)
    rows = [_metric_cells(metric) for metric in group.metrics]
    for region in group.regions:
        # With a single structure the title says which.
        of = f", {region.structure}" if len(evaluation.structures) > 1 else ""
        rows += [_metric_cells(metric, of) for metric in region.metrics]
    title = f"{where}, {group.images} images{regions}"
    print_tables(console, table(title, ("metric", "n", "stage 1", "stage 2", "2 against 1"), rows))


def _metric_cells(metric: MetricSummary, of: str = "") -> tuple[str | Text, ...]:
    is_decibel = metric.metric.endswith("_db")
    form = ".2f" if is_decibel else ".4f"
    if is_decibel:
        change = _interval(metric.difference, "+.2f", 1, " dB")
    elif metric.relative_change is not None:
        change = _interval(metric.relative_change, "+.1f", 100, " %")
    else:
        change = _interval(metric.difference, "+.4f", 1, "")
    name = f"{_TITLES[metric.metric]}{of} {'↑' if metric.higher_is_better else '↓'}"
    return name, str(metric.stage1.n), _interval(metric.stage1, form), _interval(metric.stage2, form), change


def _interval(interval: Interval, form: str, factor: float = 1, unit: str = "") -> Text:
    """The estimate, and below it the bounds. One image has none: drawn again it is itself."""
    estimate, low, high = (f"{factor * value:{form}}" for value in (interval.estimate, interval.low, interval.high))
    if interval.n == 1:
        return with_note(f"{estimate}{unit}", "one image")
    return with_note(f"{estimate}{unit}", f"[{low}, {high}]")


def _print_ood(console: Console, evaluation: Evaluation) -> None:
    rows = []
    for index in range(len(evaluation.ood[0].comparisons)):
        for stage in evaluation.ood:
            each = stage.comparisons[index]
            scores = f"{each.median_score:.2f}", f"{stage.threshold:.2f}"
            figures = f"{each.auroc:.3f}", f"{100 * each.fpr_at_95_tpr:.1f} %"
            rows.append((each.name, str(each.frames), stage.stage, *scores, *figures))
    names = ("against", "frames", "stage", "median", "threshold", "AUROC", "FPR@95")
    print_tables(console, table("Out of distribution, against source validation", names, rows))
