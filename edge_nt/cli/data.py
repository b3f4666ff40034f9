"""`edge-nt data`: import scans, make phantoms, check a dataset folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import counting, print_tables, screen, table
from edge_nt.errors import InputError

if TYPE_CHECKING:
    from edge_nt.datasets.check import Problem
    from edge_nt.datasets.dataset import Dataset

app = typer.Typer(help="Import scans, make phantoms, check a dataset folder.", no_args_is_help=True)
imports = typer.Typer(help="Import scans into a new dataset folder.", no_args_is_help=True)
app.add_typer(imports, name="import")

Out = Annotated[Path, typer.Option(help="Dataset folder to make.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a dataset folder that stands at --out.")]


@imports.command("fetus-framework")
def import_fetus_framework(
    source: Annotated[Path, typer.Argument(help="Folder of the release, with ObjectDetection.xlsx.")],
    out: Out,
    force: Force = False,
) -> None:
    """Import the public release *Dataset for Fetus Framework*: its standard planes and boxes."""
    from edge_nt.datasets import fetus_framework

    with counting("importing") as on_image:
        dataset = fetus_framework.import_fetus_framework(source, out, force=force, on_image=on_image)
    _print_summary(dataset)


@imports.command("coco")
def import_coco(
    annotations: Annotated[Path, typer.Argument(help="COCO JSON with images, categories and annotations.")],
    *,
    images: Annotated[Path, typer.Option(help="Folder that the file names start from.")],
    out: Out,
    hospital: Annotated[str | None, typer.Option(help="Hospital of the images whose entry names none.")] = None,
    scanner: Annotated[str, typer.Option(help="Scanner of the images whose entry names none.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the images, kept in dataset.json.")] = "not stated",
    line_width_px: Annotated[
        float | None, typer.Option(help="Take two keypoints for a line this wide, such as crown to rump.")
    ] = None,
    force: Force = False,
) -> None:
    """Import COCO boxes, polygons, masks and lines; image entries may carry hospital, scanner, patient, mm_per_px."""
    from edge_nt.datasets import coco

    with counting("importing") as on_image:
        dataset = coco.import_coco(
            annotations, images, out, hospital=hospital, scanner=scanner, licence=licence, line_width_px=line_width_px,
            force=force, on_image=on_image,
        )  # fmt: skip
    _print_summary(dataset)


@app.command()
def phantom(
    out: Out,
    hospitals: Annotated[int, typer.Option(help="Hospitals, each with a style of its own.")] = 3,
    per_hospital: Annotated[int, typer.Option(help="Images a hospital.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
) -> None:
    """Make synthetic scans with an NT of known thickness, for trying things out and for tests."""
    from edge_nt.phantom.generate import write_phantoms

    total, done = hospitals * per_hospital, iter(range(1, hospitals * per_hospital + 1))
    with counting("drawing") as on_image:
        dataset = write_phantoms(
            out, hospitals=hospitals, per_hospital=per_hospital, seed=seed,
            on_image=lambda: on_image(next(done, total), total),
        )  # fmt: skip
    _print_summary(dataset)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Dataset folder.")],
    json: Annotated[Path | None, typer.Option(help="Also write the problems to this JSON file.")] = None,
) -> None:
    """List every problem of a dataset folder; exit code 2 when one of them is an error."""
    from dataclasses import asdict

    from edge_nt.atomic import write_json
    from edge_nt.datasets.check import check_dataset

    with counting("checking") as on_image:
        problems = check_dataset(folder, on_image=on_image)
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    if problems:
        _print_problems(problems)
    typer.echo(f"{folder}: {errors} errors, {warnings} warnings")
    if json is not None:
        listed = [asdict(problem) for problem in problems]
        content = {"folder": str(folder), "errors": errors, "warnings": warnings, "problems": listed}
        try:
            write_json(json, content)
        except OSError as error:
            got = f"{json}: {error.strerror}"
            raise InputError(
                expected="a JSON file that can be written", got=got, fix="name another as --json"
            ) from error
    if errors:
        raise typer.Exit(2)


def _print_summary(dataset: Dataset) -> None:
    from collections import Counter

    images = Counter((row.hospital, row.scanner, row.split) for row in dataset.rows)
    boxes: Counter[tuple[str, str]] = Counter()
    for row in dataset.rows:
        boxes[row.hospital, row.scanner] += len(dataset.boxes.get(row.file, ()))
    rows = [
        (hospital, scanner, *(str(images[hospital, scanner, split]) for split in ("train", "val")), str(count))
        for (hospital, scanner), count in sorted(boxes.items())
    ]
    print_tables(screen(), table(dataset.name, ("hospital", "scanner", "train", "val", "boxes"), rows))
    typer.echo(f"{len(dataset.rows)} images in {dataset.root}")
    outlined = sum(bool(box.roi.polygon) for each in dataset.boxes.values() for box in each)
    if outlined:
        typer.echo(f"regions with a polygon: {outlined}")
    spaced = sum(row.mm_per_px is not None for row in dataset.rows)
    stated = sum(box.thickness_mm is not None for each in dataset.boxes.values() for box in each)
    if spaced or stated:
        typer.echo(f"{spaced} images with mm per px, {stated} boxes with a thickness in mm")


def _print_problems(problems: tuple[Problem, ...]) -> None:
    rows = []
    for problem in problems:
        row = "" if problem.row is None else str(problem.row)
        # Printable characters alone, since a cell of the folder's tables may hold terminal commands.
        cells = (problem.severity, problem.file, row, problem.message)
        rows.append(["".join(c if c.isprintable() else "\ufffd" for c in cell) for cell in cells])
    print_tables(screen(), table("", ("severity", "file", "row", "problem"), rows))
