"""Every problem of a dataset folder at once, each with its file and row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from edge_nt.datasets.dataset import BOX_COLUMNS, MANIFEST_COLUMNS, Box, Row, parse_box, parse_row, read_info
from edge_nt.datasets.ring_faults import ring_fault
from edge_nt.datasets.site import scanner_site
from edge_nt.datasets.spelling import folded
from edge_nt.datasets.table import table_rows
from edge_nt.digests import sha256_pixels
from edge_nt.errors import EdgeNtError, InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Preprocess

_MANIFEST, _BOXES = "manifest.csv", "boxes.csv"
_NT = "NT"

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Problem:
    """Something in a dataset folder that an `error` makes unusable, or that a `warning` makes worth a look.

    `file` is relative to the folder; `row` is the line of the table it was found in, None where no line is to blame.
    """

    severity: Literal["error", "warning"]
    file: str
    row: int | None
    message: str


@dataclass(frozen=True)
class _Image:
    line: int
    row: Row
    height: int
    width: int
    digest: str


def check_dataset(
    root: Path,
    *,
    smallest_side_px: int = 64,
    preprocess: Preprocess | None = None,
    on_image: Callable[[int, int], None] | None = None,
) -> tuple[Problem, ...]:
    """All problems of the dataset folder `root`, in the order tables, images, boxes, splits.

    An image with a side below `smallest_side_px` is an error; one that `preprocess` (default: the network input that
    recipes start from) would enlarge on both axes is a warning.

    Raises: InputError only when `root` is no folder.
    """
    if not root.is_dir():
        raise InputError(expected="a dataset folder", got=f"{root}", fix="correct the path")
    problems: list[Problem] = []
    _check_info(root, problems)
    rows = _parse_table(root / _MANIFEST, MANIFEST_COLUMNS, parse_row, problems)
    boxes = _parse_table(root / _BOXES, BOX_COLUMNS, parse_box, problems)
    images = _check_images(root, rows, problems, on_image)
    # A row that could not be used still names its file: its boxes are not to blame.
    named = {row.file for _, row in rows} | {problem.file for problem in problems}
    problems += _too_small(images, smallest_side_px, preprocess or Preprocess())
    problems += _misplaced_boxes(named if rows else None, images, boxes)
    problems += _broken_polygons(boxes)
    problems += _doubled_files(rows)
    problems += _two_spellings(rows)
    problems += _wandering_patients(rows)
    problems += _doubled_pictures(images)
    problems += _without_region(rows, boxes)
    return tuple(problems)


def _check_info(root: Path, problems: list[Problem]) -> None:
    try:
        read_info(root)
    except InputError as error:
        problems.append(Problem("error", "dataset.json", None, f"expected {error.expected}, got {error.got}"))


def _parse_table(
    path: Path, columns: tuple[str, ...], parse: Callable[[dict[str, str]], Parsed], problems: list[Problem]
) -> list[tuple[int, Parsed]]:
    parsed = []
    try:
        lines = table_rows(path, columns)
    except InputError as error:
        problems.append(Problem("error", path.name, None, f"expected {error.expected}, got {error.got}"))
        return []
    if not lines and path.name == _MANIFEST:
        problems.append(Problem("error", path.name, None, "no rows"))
    for line, raw in lines:
        try:
            parsed.append((line, parse(raw)))
        except ValueError as error:
            problems.append(Problem("error", raw["file"] or path.name, line, f"{path.name}: {error}"))
    return parsed


def _check_images(
    root: Path,
    rows: list[tuple[int, Row]],
    problems: list[Problem],
    on_image: Callable[[int, int], None] | None,
) -> list[_Image]:
    images = []
    inside = root.resolve()
    for done, (line, row) in enumerate(rows, start=1):
        try:
            if not (root / row.file).resolve().is_relative_to(inside):
                raise ValueError("leads out of the dataset folder")
            pixels = decode_image(root / row.file).pixels
            images.append(_Image(line, row, pixels.shape[0], pixels.shape[1], sha256_pixels(pixels)))
        except EdgeNtError as error:
            problems.append(Problem("error", row.file, line, error.got.removeprefix(f"{root / row.file}: ")))
        except (OSError, RuntimeError, ValueError) as error:
            # A loop of symbolic links is an OSError or a RuntimeError, by Python version.
            problems.append(Problem("error", row.file, line, str(error)))
        if on_image is not None:
            on_image(done, len(rows))
    return images


def _too_small(images: list[_Image], smallest_side_px: int, preprocess: Preprocess) -> Iterator[Problem]:
    for image in images:
        size = f"{image.width}x{image.height} px"
        if min(image.height, image.width) < smallest_side_px:
            message = f"{size} is too small: each side needs at least {smallest_side_px} px"
            yield Problem("error", image.row.file, image.line, message)
        elif image.height < preprocess.height and image.width < preprocess.width:
            message = f"{size} is smaller than the network input {preprocess.width}x{preprocess.height}: it is enlarged"
            yield Problem("warning", image.row.file, image.line, message)


def _misplaced_boxes(named: set[str] | None, images: list[_Image], boxes: list[tuple[int, Box]]) -> Iterator[Problem]:
    sizes = {image.row.file: (image.height, image.width) for image in images}
    for line, box in boxes:
        if named is not None and box.file not in named:
            yield Problem("error", box.file, line, f"{_BOXES}: {box.roi.structure} of a file that {_MANIFEST} lacks")
        elif box.file in sizes:
            height, width = sizes[box.file]
            roi = box.roi
            if not roi.within(height, width):
                edges = f"h {roi.h_min:g} to {roi.h_max:g}, w {roi.w_min:g} to {roi.w_max:g}"
                message = f"{_BOXES}: {roi.structure} ({edges}) leaves the frame of {width}x{height} px"
                yield Problem("error", box.file, line, message)


def _broken_polygons(boxes: list[tuple[int, Box]]) -> Iterator[Problem]:
    for line, box in boxes:
        fault = ring_fault(box.roi.polygon) if box.roi.polygon else ""
        if fault:
            yield Problem("error", box.file, line, f"{_BOXES}: the polygon of {box.roi.structure} is broken: {fault}")


def _doubled_files(rows: list[tuple[int, Row]]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for line, row in rows:
        if first.setdefault(row.file, line) != line:
            yield Problem("error", row.file, line, f"the file stands in line {first[row.file]} already")


def _two_spellings(rows: list[tuple[int, Row]]) -> Iterator[Problem]:
    """One problem for each further spelling of a hospital, scanner or patient: each would count as one of its own."""
    named: tuple[tuple[str, Callable[[Row], str]], ...] = (
        ("hospital", lambda row: row.hospital),
        ("scanner", scanner_site),
        ("patient", lambda row: row.patient),
    )
    for what, name_of in named:
        first: dict[str, str] = {}
        said: set[str] = set()
        for line, row in rows:
            name = name_of(row)
            other = first.setdefault(folded(name), name)
            if other != name and name not in said:
                said.add(name)
                yield Problem("error", row.file, line, f"{what} {name!r} is spelled {other!r} in another row")


def _wandering_patients(rows: list[tuple[int, Row]]) -> Iterator[Problem]:
    first: dict[str, tuple[int, Row]] = {}
    for line, row in rows:
        other_line, other = first.setdefault(row.patient, (line, row))
        for what, mine, theirs in (
            ("split", row.split, other.split),
            ("hospital", row.hospital, other.hospital),
        ):
            if mine != theirs:
                message = f"patient {row.patient} is in two {what}s: {mine} here, {theirs} in line {other_line}"
                yield Problem("error", row.file, line, message)


def _doubled_pictures(images: Iterable[_Image]) -> Iterator[Problem]:
    first: dict[str, _Image] = {}
    for image in images:
        other = first.setdefault(image.digest, image)
        if other.row.file == image.row.file:
            continue
        place = f"the same pixels as {other.row.file} (line {other.line})"
        if image.row.split != other.row.split:
            message = f"{place} in another split: {image.row.split} and {other.row.split}"
            yield Problem("error", image.row.file, image.line, message)
        elif image.row.hospital != other.row.hospital:
            message = f"{place} in another hospital: {image.row.hospital} and {other.row.hospital}"
            yield Problem("error", image.row.file, image.line, message)
        else:
            yield Problem("warning", image.row.file, image.line, place)


def _without_region(rows: list[tuple[int, Row]], boxes: list[tuple[int, Box]]) -> Iterator[Problem]:
    """Counts images without NT by hospital; where a folder is of other structures alone, without each of those."""
    named = {box.roi.structure for _, box in boxes}
    images = Counter(row.hospital for _, row in rows)
    for structure in sorted(named) if named and _NT not in named else [_NT]:
        boxed = {box.file for _, box in boxes if box.roi.structure == structure}
        without = Counter(row.hospital for _, row in rows if row.file not in boxed)
        for hospital in sorted(without):
            message = f"hospital {hospital}: {without[hospital]} of {images[hospital]} images have no {structure} box"
            yield Problem("warning", _BOXES, None, message)
