"""Importer of the public release *Dataset for Fetus Framework* (Cui and Dong, 2022, doi:10.17632/n2rbrb9t4f.1).

Its folders are ``<set>/Standard/<number>.png``; ``ObjectDetection.xlsx`` lists boxes as
``fname, structure, h_min, w_min, h_max, w_max`` in px. Beside it may stand ``sites.csv`` (``fname, hospital, scanner``)
and any ``*_nt_boxes.csv`` with the columns of the workbook. Only standard planes are imported: NT is measured on them.
Frames of a Philips scanner get their pixel spacing from the burned-in depth ruler, and their NT box the distance that
they print; a frame with several NT boxes does not say which one it measured and gets none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_nt.datasets.dataset import THICKEST_NT_MM, Dataset
from edge_nt.datasets.import_folder import FoundImage, OnImage, refuse_doubled, refuse_occupied, write_import
from edge_nt.datasets.philips_frame import PhilipsFrame, read_philips_frame
from edge_nt.datasets.table import table_rows
from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.decode import IMAGE_SUFFIXES, decode_image
from edge_nt.imaging.roi import Roi

_WORKBOOK = "ObjectDetection.xlsx"
_BOX_COLUMNS = ("fname", "structure", "h_min", "w_min", "h_max", "w_max")
_SITE_COLUMNS = ("fname", "hospital", "scanner")
_NT, _PHILIPS = "NT", "philips"
_EXTERNAL_FOLDER = "External Test Set"
_LICENCE = "CC BY 4.0"
_SOURCE = "Cui and Dong, Dataset for Fetus Framework, Mendeley Data 2022, doi:10.17632/n2rbrb9t4f.1"


def import_fetus_framework(source: Path, out: Path, *, force: bool = False, on_image: OnImage | None = None) -> Dataset:
    """Import the standard planes of the release at `source` to the dataset folder `out`.

    The hospital comes from ``sites.csv``, or else from the folder: ``external`` or ``internal``. Boxes of files that
    are not there (a partial copy of the release) are left out.

    Raises: InputError when the layout, a table or an image is not as it should be, or `out` is occupied;
    MissingDependencyError without openpyxl.
    """
    if not (source / _WORKBOOK).is_file():
        raise InputError(
            expected=f"the folder of the release, with {_WORKBOOK}", got=f"{source}", fix="correct the path"
        )
    refuse_occupied(out, source, force=force)
    paths = sorted(_standard_planes(source), key=lambda path: (len(path.stem), path.stem))
    refuse_doubled((path.name for path in paths), source)
    sites = _sites(source / "sites.csv", paths)
    rois = _rois(source)
    found = []
    for path in paths:
        hospital, scanner = sites[path.name]
        boxes = tuple(rois.get(path.name, ()))
        overlay = _overlay(path, scanner)
        stated = _stated_mm(overlay.distance_mm, boxes)
        found.append(FoundImage(path, path.name, hospital, scanner, None, overlay.mm_per_px, boxes, stated))
    return write_import(
        found, out, name="Dataset for Fetus Framework", licence=_LICENCE, source=_SOURCE, on_image=on_image
    )


def _standard_planes(source: Path) -> Iterator[Path]:
    for path in source.glob("*/Standard/*"):
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            yield path


def _overlay(path: Path, scanner: str) -> PhilipsFrame:
    """What the frame says of itself; frames whose scanner nobody named are asked too."""
    if scanner not in (_PHILIPS, ""):
        return PhilipsFrame(None, None)
    return read_philips_frame(decode_image(path).pixels)


def _stated_mm(distance_mm: float | None, boxes: tuple[Roi, ...]) -> dict[str, float]:
    """The printed distance as the thickness of NT, where it can be that, and of one box alone."""
    single = sum(roi.structure == _NT for roi in boxes) == 1
    return {} if distance_mm is None or distance_mm > THICKEST_NT_MM or not single else {_NT: distance_mm}


def _sites(table: Path, paths: list[Path]) -> dict[str, tuple[str, str]]:
    if not table.is_file():
        return {path.name: ("external" if _EXTERNAL_FOLDER in path.parts else "internal", "") for path in paths}
    sites: dict[str, tuple[str, str]] = {}
    for line, raw in table_rows(table, _SITE_COLUMNS):
        site = raw["hospital"], raw["scanner"]
        if sites.setdefault(raw["fname"], site) != site:
            raise InputError(
                expected=f"one site for every image in {table}",
                got=f"another one for {raw['fname']} in line {line}",
                fix="drop the line that is wrong: the hospital decides what a model never sees",
            )
    without = [path.name for path in paths if not sites.get(path.name, ("", ""))[0]]
    if without:
        raise InputError(
            expected=f"a hospital for every image in {table}",
            got=f"none for {', '.join(without[:5])} ({len(without)} files)",
            fix="add the rows, or take sites.csv away to name hospitals by folder",
        )
    return sites


def _rois(source: Path) -> dict[str, list[Roi]]:
    rois: dict[str, list[Roi]] = {}
    seen: set[tuple[str, Roi]] = set()
    for place, cells in _box_cells(source):
        name, structure, *edges = cells
        try:
            h_min, w_min, h_max, w_max = (float(edge) for edge in edges)
            roi = Roi(str(structure or "").strip(), h_min, w_min, h_max, w_max)
        except (TypeError, ValueError, InputError):
            roi = None
        if roi is None or not name or not roi.structure:
            raise InputError(
                expected="a file, a structure and four edges", got=f"{cells} in {place}", fix="mend the row"
            )
        if (str(name).strip(), roi) not in seen:
            seen.add((str(name).strip(), roi))
            rois.setdefault(str(name).strip(), []).append(roi)
    return rois


def _box_cells(source: Path) -> Iterator[tuple[str, tuple[Any, ...]]]:
    yield from _workbook_cells(source / _WORKBOOK)
    for table in sorted(source.glob("*_nt_boxes.csv")):
        for line, raw in table_rows(table, _BOX_COLUMNS):
            yield f"{table} line {line}", tuple(raw[column] for column in _BOX_COLUMNS)


def _workbook_cells(path: Path) -> Iterator[tuple[str, tuple[Any, ...]]]:
    try:
        import openpyxl
    except ImportError as error:
        raise MissingDependencyError(
            expected="openpyxl, to read the workbook of boxes", got="no such package", fix="pip install edge-nt[train]"
        ) from error
    try:
        sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0]
        rows = list(sheet.iter_rows(values_only=True))
    except Exception as error:
        # openpyxl meets a damaged workbook with zip, XML, key and type errors alike.
        raise InputError(
            expected="an Excel workbook of boxes", got=f"{path}: {error}", fix="download it again"
        ) from error
    header = tuple(rows[0]) if rows else ()
    missing = [column for column in _BOX_COLUMNS if column not in header]
    if missing:
        raise InputError(
            expected=f"the columns {', '.join(_BOX_COLUMNS)} in {path}",
            got=f"none named {', '.join(missing)}",
            fix="download it again",
        )
    places = [header.index(column) for column in _BOX_COLUMNS]
    for number, row in enumerate(rows[1:], start=2):
        if any(cell is not None for cell in row):
            # Cells that end a row and are empty may be left out of the file.
            yield f"{path} row {number}", tuple(row[place] if place < len(row) else None for place in places)
