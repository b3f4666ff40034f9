"""The dataset folder: `dataset.json`, `manifest.csv`, `boxes.csv` and the images they name.

`manifest.csv` has the header ``file,hospital,scanner,patient,split,mm_per_px``: one row an image; `file` is relative
to the folder; `split` is ``train`` or ``val``; `mm_per_px` may be empty.
`boxes.csv` has the header ``file,structure,h_min,w_min,h_max,w_max,thickness_mm``: boxes in source pixels, with
the thickness that is known of them: the true one of phantoms, what a sonographer measured on scans, else empty. An
eighth column ``polygon`` may give the region's outline inside its box (`polygon_text`).
`dataset.json` has ``name``, ``licence``, ``source`` (strings) and ``synthetic`` (bool).
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from edge_nt.atomic import atomic_file, write_json
from edge_nt.datasets.polygon_text import polygon_from_text, polygon_to_text
from edge_nt.datasets.table import is_path_below, table_rows
from edge_nt.errors import InputError
from edge_nt.imaging.frame import LARGEST_MM_PER_PX, SMALLEST_MM_PER_PX
from edge_nt.imaging.polygon import Polygon
from edge_nt.imaging.roi import Roi, polygon_roi

MANIFEST_COLUMNS = ("file", "hospital", "scanner", "patient", "split", "mm_per_px")
BOX_COLUMNS = ("file", "structure", "h_min", "w_min", "h_max", "w_max", "thickness_mm")
POLYGON_COLUMN = "polygon"
# Most are below 4 mm, and the widest hygroma lies below this; other structures may be of any size.
THICKEST_NT_MM = 30.0
# A box may be rounded to whole pixels around its polygon.
_BOX_SLACK_PX = 0.5

Split = Literal["train", "val"]
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Row:
    """One image of a dataset. `mm_per_px` is None where the spacing is unknown."""

    file: str
    hospital: str
    scanner: str
    patient: str
    split: Split
    mm_per_px: float | None = None


@dataclass(frozen=True)
class Box:
    """A region of one image in source pixels; `thickness_mm` is the true or stated thickness, if any."""

    file: str
    roi: Roi
    thickness_mm: float | None = None


@dataclass(frozen=True)
class Dataset:
    """A dataset folder in memory: rows in manifest order and the boxes of each file."""

    root: Path
    name: str
    licence: str
    source: str
    synthetic: bool
    rows: tuple[Row, ...]
    boxes: Mapping[str, tuple[Box, ...]]

    def hospitals(self) -> tuple[str, ...]:
        """Hospital names in alphabetical order."""
        return tuple(sorted({row.hospital for row in self.rows}))

    def roi(self, row: Row, structure: str) -> Roi | None:
        """The first box of `structure` in the image of `row`, in source pixels, or None where there is none."""
        return next((box.roi for box in self.boxes.get(row.file, ()) if box.roi.structure == structure), None)

    def path(self, row: Row) -> Path:
        """Where the image of `row` lies."""
        return self.root / row.file


def read_dataset(root: Path) -> Dataset:
    """Read a dataset folder.

    Raises: InputError at the first row that cannot be used (`edge-nt data check` lists all of them), or a file in two.
    """
    info = read_info(root)
    rows = tuple(_read_table(root / "manifest.csv", MANIFEST_COLUMNS, parse_row))
    twice = [file for file, count in Counter(row.file for row in rows).items() if count > 1]
    if twice:
        # Two rows of one picture could stand on two sides of a split, which the guards tell by their files.
        raise InputError(
            expected=f"every file once in {root / 'manifest.csv'}",
            got=f"{twice[0]} in several rows",
            fix="drop all but one of them",
        )
    boxes: dict[str, tuple[Box, ...]] = {}
    for box in _read_table(root / "boxes.csv", BOX_COLUMNS, parse_box):
        boxes[box.file] = (*boxes.get(box.file, ()), box)
    return Dataset(root, info["name"], info["licence"], info["source"], info["synthetic"], rows, boxes)


def write_dataset(dataset: Dataset) -> None:
    """Write the three tables of a dataset folder into `dataset.root`, each atomically; images are not touched."""
    _write_table(dataset.root / "manifest.csv", MANIFEST_COLUMNS, [_row_cells(row) for row in dataset.rows])
    boxes = [box for row in dataset.rows for box in dataset.boxes.get(row.file, ())]
    # Without any polygon the table is what it was before there were some.
    columns = (*BOX_COLUMNS, POLYGON_COLUMN) if any(box.roi.polygon for box in boxes) else BOX_COLUMNS
    _write_table(dataset.root / "boxes.csv", columns, [_box_cells(box)[: len(columns)] for box in boxes])
    info = {"name": dataset.name, "licence": dataset.licence, "source": dataset.source, "synthetic": dataset.synthetic}
    write_json(dataset.root / "dataset.json", info)


def read_info(root: Path) -> dict[str, Any]:
    """The content of `dataset.json`. Raises: InputError when it is missing or incomplete."""
    path = root / "dataset.json"
    if not path.is_file():
        raise InputError(
            expected="a dataset folder with dataset.json, manifest.csv and boxes.csv",
            got=f"no {path}",
            fix="make one with `edge-nt data import` or `edge-nt data phantom`",
        )
    try:
        info = json.loads(path.read_text(encoding="utf-8-sig"))
        strings = [info["name"], info["licence"], info["source"]]
        valid = all(isinstance(value, str) for value in strings) and isinstance(info["synthetic"], bool)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        valid = False
    if not valid:
        raise InputError(
            expected="dataset.json with name, licence, source and synthetic",
            got=f"something else in {path}",
            fix="run the import again, or restore the file",
        )
    return cast(dict[str, Any], info)


def parse_row(raw: dict[str, str]) -> Row:
    """One line of manifest.csv. Raises: ValueError with what is wrong."""
    for column in ("file", "hospital", "patient"):
        if not raw[column]:
            raise ValueError(f"no {column}")
    if not is_path_below(raw["file"]):
        raise ValueError(f"file {raw['file']!r} is not a path below the dataset folder")
    if raw["split"] not in ("train", "val"):
        raise ValueError(f"split is {raw['split']!r}, not train or val")
    spacing = _optional_float(raw["mm_per_px"], "mm_per_px", SMALLEST_MM_PER_PX, LARGEST_MM_PER_PX)
    return Row(
        raw["file"], raw["hospital"], raw["scanner"], raw["patient"], cast(Split, raw["split"]), mm_per_px=spacing
    )


def parse_box(raw: dict[str, str]) -> Box:
    """One line of boxes.csv. Raises: ValueError with what is wrong."""
    if not raw["file"] or not raw["structure"]:
        raise ValueError("no file or no structure")
    try:
        h_min, w_min, h_max, w_max = (float(raw[edge]) for edge in ("h_min", "w_min", "h_max", "w_max"))
    except ValueError:
        raise ValueError("h_min, w_min, h_max and w_max are not all numbers") from None
    try:
        roi = Roi(raw["structure"], h_min, w_min, h_max, w_max)
    except InputError as error:
        raise ValueError(f"box is {error.got}") from None
    polygon = polygon_from_text(raw.get(POLYGON_COLUMN, ""))
    roi = _with_polygon(roi, polygon) if polygon else roi
    thickest_mm = THICKEST_NT_MM if roi.structure == "NT" else math.inf
    return Box(raw["file"], roi, _optional_float(raw["thickness_mm"], "thickness_mm", 0.0, thickest_mm))


def _with_polygon(box: Roi, polygon: Polygon) -> Roi:
    """The region inside `polygon`, which has to fill the box that was stated. Raises: ValueError."""
    try:
        roi = polygon_roi(box.structure, polygon)
    except InputError as error:
        raise ValueError(f"expected {error.expected}, got {error.got}") from None
    stated, found = ((each.h_min, each.w_min, each.h_max, each.w_max) for each in (box, roi))
    if max(abs(one - other) for one, other in zip(stated, found, strict=True)) > _BOX_SLACK_PX:
        edges = [f"h {e[0]:g} to {e[2]:g}, w {e[1]:g} to {e[3]:g}" for e in (stated, found)]
        raise ValueError(f"box and polygon disagree: the box has {edges[0]}, the polygon {edges[1]}")
    return roi


def _optional_float(cell: str, column: str, smallest: float, largest: float) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{column} is {cell!r}, not a number above 0")
    if not smallest <= value <= largest:
        told = f"{column} is {cell!r}, not {smallest:g} to {largest:g} mm"
        raise ValueError(f"{told} (correct it, or leave it empty where it is unknown)")
    return value


def _read_table(path: Path, columns: tuple[str, ...], parse: Callable[[dict[str, str]], Parsed]) -> list[Parsed]:
    parsed = []
    for line, raw in table_rows(path, columns):
        try:
            parsed.append(parse(raw))
        except ValueError as error:
            raise InputError(
                expected="a usable row",
                got=f"{error} in {path} line {line}",
                fix=f"mend the row; `edge-nt data check {path.parent}` lists every problem",
            ) from None
    return parsed


def _write_table(path: Path, columns: tuple[str, ...], cells: list[tuple[str, ...]]) -> None:
    with atomic_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(cells)


def _row_cells(row: Row) -> tuple[str, ...]:
    return row.file, row.hospital, row.scanner, row.patient, row.split, _cell(row.mm_per_px)


def _box_cells(box: Box) -> tuple[str, ...]:
    roi = box.roi
    edges = (_cell(roi.h_min), _cell(roi.w_min), _cell(roi.h_max), _cell(roi.w_max))
    return (box.file, roi.structure, *edges, _cell(box.thickness_mm), polygon_to_text(roi.polygon))


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
