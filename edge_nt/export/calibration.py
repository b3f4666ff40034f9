"""Which images INT8 ranges are fitted on, and the guard that keeps every unseen patient out of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edge_nt.bundle.manifest import CalibrationImage
from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.datasets.hospital_split import HospitalSplit
from edge_nt.datasets.table import table_rows
from edge_nt.digests import sha256_pixels
from edge_nt.errors import InputError, LeakageError
from edge_nt.imaging.decode import decode_image

_MOST_NAMED = 10


@dataclass(frozen=True)
class CalibrationSet:
    """Rows to calibrate on, found clean, and what a bundle records of each."""

    rows: tuple[Row, ...]
    images: tuple[CalibrationImage, ...]


def calibration_set(dataset: Dataset, split: HospitalSplit, count: int, path: Path | None) -> CalibrationSet:
    """The rows that the CSV file `path` names or, without one, `count` rows chosen from the training rows.

    Raises: InputError, LeakageError, as `read_calibration` and `calibration_images`.
    """
    rows = select_calibration(split, count) if path is None else read_calibration(path, dataset)
    return CalibrationSet(rows, calibration_images(dataset, split, rows))


def select_calibration(split: HospitalSplit, count: int) -> tuple[Row, ...]:
    """Up to `count` training rows, as many from each source site as it has, patients spread evenly.

    The choice depends on the rows alone, not on their order. A site with few rows leaves its share to the others.
    """
    of_site: dict[str, list[Row]] = {}
    for row in sorted(split.train, key=lambda row: (row.patient, row.file)):
        of_site.setdefault(split.site_of(row), []).append(row)
    chosen: list[Row] = []
    smallest_first = sorted(of_site, key=lambda site: (len(of_site[site]), site))
    for position, site in enumerate(smallest_first):
        rows = of_site[site]
        share = min(len(rows), (count - len(chosen)) // (len(smallest_first) - position))
        chosen += [rows[(2 * index + 1) * len(rows) // (2 * share)] for index in range(share)]
    return tuple(sorted(chosen, key=lambda row: (row.hospital, row.patient, row.file)))


def read_calibration(path: Path, dataset: Dataset) -> tuple[Row, ...]:
    """The rows that a CSV file with a column ``file`` names, in its order.

    Raises: InputError when a file is not a row of the dataset, or is named twice.
    """
    of_file = {row.file: row for row in dataset.rows}
    rows: dict[str, Row] = {}
    for line, cells in table_rows(path, ("file",)):
        file = cells["file"]
        if file not in of_file or file in rows:
            raise InputError(
                expected=f"each calibration image once, and as a row of {dataset.root / 'manifest.csv'}",
                got=f"{file!r}{' again' if file in rows else ''} in {path} line {line}",
                fix="correct the line; only images whose hospital and patient are known can calibrate",
            )
        rows[file] = of_file[file]
    return tuple(rows.values())


def calibration_images(dataset: Dataset, split: HospitalSplit, rows: tuple[Row, ...]) -> tuple[CalibrationImage, ...]:
    """What a bundle records of a calibration set, given out only when the set is clean.

    Raises: InputError when there are no rows or a source site is left out; LeakageError naming each row that is of
    validation, of the held-out site or of one that the run does not use: by its file, by its patient, or by its pixels.
    """
    # A leak is named even where it is not all that is wrong.
    _refuse([*_leaks(split, rows, "file"), *_leaks(split, rows, "patient")])
    _refuse_incomplete(split, rows)
    digests = _pixel_digests(dataset, (*rows, *(row for _, row in _unseen(split))))
    _refuse(_same_pixels(split, rows, digests))
    return tuple(CalibrationImage(split.site_of(row), digests[row.file]) for row in rows)


def recorded_images(dataset: Dataset, split: HospitalSplit, rows: tuple[Row, ...]) -> tuple[CalibrationImage, ...]:
    """What a bundle records of images that are known to be clean, such as those that the run was trained on."""
    digests = _pixel_digests(dataset, rows)
    return tuple(CalibrationImage(split.site_of(row), digests[row.file]) for row in rows)


def _refuse_incomplete(split: HospitalSplit, rows: tuple[Row, ...]) -> None:
    if not rows:
        raise InputError(
            expected="at least one calibration image",
            got="none",
            fix="name source-hospital training images, or leave --calibration out to have them chosen",
        )
    missing = sorted({split.site_of(row) for row in split.train} - {split.site_of(row) for row in rows})
    if missing:
        raise InputError(
            expected="calibration images of every source site",
            got=f"none of {', '.join(missing)} among {len(rows)}",
            fix="add images of these sites, or raise int8.calibration_images",
        )


def _unseen(split: HospitalSplit) -> Iterator[tuple[str, Row]]:
    yield from (("validation", row) for row in split.val)
    yield from ((f"held-out {split.held_out_hospital}", row) for row in split.held_out)
    yield from ((f"a site that the run does not use, {split.site_of(row)}", row) for row in split.unused)


def _leaks(split: HospitalSplit, rows: tuple[Row, ...], identity: str) -> Iterator[str]:
    unseen = {getattr(row, identity): (side, row.file) for side, row in _unseen(split)}
    for row in rows:
        side, file = unseen.get(getattr(row, identity), ("", ""))
        if identity == "file" and side:
            yield f"{row.file} ({side})"
        elif side and file != row.file:
            yield f"{row.file} (patient {row.patient}, as {file} of {side})"


def _same_pixels(split: HospitalSplit, rows: tuple[Row, ...], digests: dict[str, str]) -> list[str]:
    unseen = {digests[row.file]: f"as {row.file} of {side}" for side, row in _unseen(split)}
    return [f"{row.file} (the same pixels {unseen[digests[row.file]]})" for row in rows if digests[row.file] in unseen]


def _refuse(leaks: list[str]) -> None:
    if leaks:
        more = f" and {len(leaks) - _MOST_NAMED} more" if len(leaks) > _MOST_NAMED else ""
        raise LeakageError(
            expected="calibration images of source-hospital training rows only",
            got="; ".join(leaks[:_MOST_NAMED]) + more,
            fix="take these rows out of the calibration set",
        )


def _pixel_digests(dataset: Dataset, rows: tuple[Row, ...]) -> dict[str, str]:
    def digest(row: Row) -> str:
        return sha256_pixels(decode_image(dataset.path(row)).pixels)

    with ThreadPoolExecutor() as pool:  # OpenCV decodes outside the interpreter lock
        return dict(zip((row.file for row in rows), pool.map(digest, rows), strict=True))
