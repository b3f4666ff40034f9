"""The part that every importer shares: found images → a dataset folder that appears whole, under OUT/images."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_nt.atomic import atomic_folder
from edge_nt.datasets.dataset import Box, Dataset, Row, write_dataset
from edge_nt.datasets.folder_entries import IMAGES_FOLDER, strangers
from edge_nt.datasets.patient_split import split_patients
from edge_nt.datasets.table import is_path_below
from edge_nt.digests import sha256_pixels
from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.frame import Frame
from edge_nt.imaging.roi import Roi

# Called after each image with how many are done and how many there are.
OnImage = Callable[[int, int], None]


@dataclass(frozen=True)
class FoundImage:
    """An image that an importer found: where it lies, its name below OUT/images, what is known of it, and its boxes.

    `patient` None means that nobody named one: then every picture is a patient, called by its name without the suffix.
    `thickness_mm` is the stated thickness of a structure, by its name; `size_px` the height and width that the regions
    were drawn on, where the source says them.
    """

    path: Path
    name: str
    hospital: str
    scanner: str
    patient: str | None
    mm_per_px: float | None
    rois: tuple[Roi, ...]
    thickness_mm: Mapping[str, float] = field(default_factory=dict)
    size_px: tuple[int, int] | None = None


def refuse_occupied(out: Path, source: Path, *, force: bool) -> None:
    """Refuse an output folder whose replacement would lose something that is not an earlier dataset.

    Raises: InputError.
    """
    resolved = out.resolve()
    if source.resolve().is_relative_to(resolved):
        raise InputError(
            expected="an output folder outside the source", got=f"{out} around {source}", fix="choose another --out"
        )
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    others = strangers(out) if out.is_dir() else []
    if not (out / "dataset.json").is_file() or others:
        raise InputError(
            expected="a new or empty output folder",
            got=f"{out}, which holds other things{f', {others[0]} for one' if others else ''}",
            fix="choose another --out",
        )
    if not force:
        raise InputError(
            expected="a new or empty output folder",
            got=f"{out}, which is a dataset already",
            fix="choose another --out, or pass --force to replace it",
        )


def write_import(
    found: Sequence[FoundImage], out: Path, *, name: str, licence: str, source: str, on_image: OnImage | None = None
) -> Dataset:
    """Copy the images unchanged to `out`, split their patients, write the tables; `out` appears whole or not at all.

    Pictures of the same pixels become one patient where nobody named theirs, so that they land in one split.
    Raises: InputError when there is no image, or one cannot be decoded or is not of the size that its regions are for.
    """
    if not found:
        raise InputError(expected="at least one image to import", got=f"none for {name}", fix="correct the path")
    for each in found:
        if not is_path_below(each.name):
            raise InputError(
                expected="file names that fit on a line of a table", got=repr(each.name), fix="rename that file"
            )
    with atomic_folder(out.resolve()) as folder:
        rows = _copy_images(found, folder, on_image)
        split = split_patients({row.patient: row.hospital for row in reversed(rows)})
        boxes = {
            row.file: tuple(Box(row.file, roi, image.thickness_mm.get(roi.structure)) for roi in image.rois)
            for row, image in zip(rows, found, strict=True)
        }
        split_rows = tuple(replace(row, split=split[row.patient]) for row in rows)
        dataset = Dataset(folder, name, licence, source, synthetic=False, rows=split_rows, boxes=boxes)
        write_dataset(dataset)
    return replace(dataset, root=out)


def _copy_images(found: Sequence[FoundImage], folder: Path, on_image: OnImage | None) -> list[Row]:
    rows: list[Row] = []
    patient_of: dict[str, str] = {}
    for image in found:
        frame = decode_image(image.path)
        _refuse_other_size(image, frame)
        target = folder / IMAGES_FOLDER / image.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image.path, target)
        patient = patient_of.setdefault(
            sha256_pixels(frame.pixels), image.patient or Path(image.name).with_suffix("").as_posix()
        )
        file = target.relative_to(folder).as_posix()
        spacing = image.mm_per_px or frame.mm_per_px
        # Every row starts in training; patients move to validation together, once all are known.
        rows.append(Row(file, image.hospital, image.scanner, image.patient or patient, "train", spacing))
        if on_image is not None:
            on_image(len(rows), len(found))
    return rows


def _refuse_other_size(image: FoundImage, frame: Frame) -> None:
    height, width = frame.pixels.shape
    if image.size_px not in (None, (height, width)):
        raise InputError(
            expected=f"{image.path} of {image.size_px[0]}x{image.size_px[1]} px, as its regions were drawn on",
            got=f"{height}x{width} px",
            fix="import the pictures that were annotated, neither resized nor turned",
        )


def refuse_doubled(names: Iterable[str], source: Path) -> None:
    """Raises: InputError when two images would be written under one name."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(
                expected="every image named once", got=f"{name} twice in {source}", fix="rename or drop one of them"
            )
        seen.add(name)
