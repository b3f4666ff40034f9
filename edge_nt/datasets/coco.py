"""Importer of COCO JSON: ``images``, ``categories`` and ``annotations``.

An annotation has ``bbox`` [x, y, w, h] in px, ``segmentation`` (polygons or a run-length mask) or two ``keypoints``.
The image entries may carry ``hospital``, ``scanner``, ``patient`` and ``mm_per_px`` beside COCO's own keys.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from edge_nt.datasets.coco_region import finite, mask_size, region_of
from edge_nt.datasets.dataset import Dataset
from edge_nt.datasets.import_folder import FoundImage, OnImage, refuse_doubled, refuse_occupied, write_import
from edge_nt.datasets.table import is_path_below
from edge_nt.errors import InputError
from edge_nt.imaging.frame import LARGEST_MM_PER_PX, SMALLEST_MM_PER_PX, is_spacing
from edge_nt.imaging.roi import Roi

_MAX_JSON_BYTES = 512 << 20


@dataclass(frozen=True)
class _Found:
    """The region of an annotation, and height and width of the mask that it comes from, if it does."""

    annotation: str
    roi: Roi
    mask_size_px: tuple[int, int] | None


def import_coco(
    annotations: Path,
    images: Path,
    out: Path,
    *,
    hospital: str | None,
    scanner: str = "",
    licence: str = "not stated",
    line_width_px: float | None = None,
    force: bool = False,
    on_image: OnImage | None = None,
) -> Dataset:
    """Import the images that `annotations` lists, found below the folder `images`, to the dataset folder `out`.

    `hospital` and `scanner` stand in where an image entry names none; an entry without patient is its own patient.
    With `line_width_px`, two keypoints are a line of that width in pixels of the image.

    Raises: InputError when the JSON, an entry or an image is not as it should be, or `out` is occupied.
    """
    document = _read_document(annotations)
    refuse_occupied(out, images, force=force)
    if line_width_px is not None and not (math.isfinite(line_width_px) and line_width_px > 0):
        raise InputError(
            expected="a line width above 0 px", got=f"{line_width_px}", fix="correct or drop --line-width-px"
        )
    try:
        entries = _list_of_objects(document, "images")
        rois = _rois(document, _file_names(entries), line_width_px)
        found = [_found(entry, images, rois, hospital, scanner) for entry in entries]
    except ValueError as error:
        raise InputError(
            expected="COCO images, categories and annotations", got=f"{annotations}: {error}", fix="mend the entry"
        ) from error
    refuse_doubled((image.name for image in found), annotations)
    return write_import(
        found, out, name=annotations.stem, licence=licence, source=f"COCO file {annotations.name}", on_image=on_image
    )


def _read_document(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ValueError(f"more than {_MAX_JSON_BYTES >> 20} MiB")
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(document, dict):
            raise ValueError("no JSON object at the top")
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            expected="a COCO JSON file", got=f"{path}: {error}", fix="correct the path or the file"
        ) from error
    return document


def _file_names(entries: list[dict[str, Any]]) -> dict[int | str, str]:
    """The file name of each image, by its id."""
    names: dict[int | str, str] = {}
    for entry in entries:
        number = _id(entry, "id")
        if number in names:
            raise ValueError(f"two images with one id, {number!r}")
        names[number] = _safe_name(_text(entry, "file_name"))
    return names


def _rois(
    document: dict[str, Any], names: dict[int | str, str], line_width_px: float | None
) -> dict[int | str, list[_Found]]:
    """The regions of each image, by its id. Raises: ValueError with the annotation, and its image where it has one."""
    categories = {_id(entry, "id"): _text(entry, "name") for entry in _list_of_objects(document, "categories")}
    rois: dict[int | str, list[_Found]] = {}
    for place, entry in enumerate(_list_of_objects(document, "annotations"), start=1):
        number = entry.get("id")
        name = f"annotation number {place} (without an id)" if number is None else f"annotation {number!r:.40}"
        where = name
        try:
            image = _id(entry, "image_id")
            if image not in names:
                raise ValueError(f"image id {image!r}, which no image has")
            where = f"{name} of {names[image]}"
            category = categories.get(_id(entry, "category_id"))
            if not category:
                raise ValueError(f"unknown or unnamed category {entry['category_id']!r}")
            found = _Found(name, region_of(entry, category, line_width_px), mask_size(entry))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        rois.setdefault(image, []).append(found)
    return rois


def _found(
    entry: dict[str, Any], images: Path, rois: dict[int | str, list[_Found]], hospital: str | None, scanner: str
) -> FoundImage:
    name = _safe_name(_text(entry, "file_name"))
    owner = _text(entry, "hospital") or (hospital or "").strip()
    if not owner:
        raise ValueError(f"no hospital for {name}: add the key, or pass --hospital")
    spacing = entry.get("mm_per_px")
    if spacing is not None:
        spacing = finite(spacing, f"mm_per_px of {name}")
        if not is_spacing(spacing):
            told = f"mm_per_px of {name} is {spacing:g}, not {SMALLEST_MM_PER_PX:g} to {LARGEST_MM_PER_PX:g}"
            raise ValueError(f"{told} (correct it, or leave it out where it is unknown)")
    found = rois.get(_id(entry, "id"), [])
    size = _size(entry, found, name)
    return FoundImage(
        path=images / name,
        name=name,
        hospital=owner,
        scanner=_text(entry, "scanner") or scanner,
        patient=_text(entry, "patient") or None,
        mm_per_px=spacing,
        rois=tuple(each.roi for each in found),
        size_px=size,
    )


def _size(entry: dict[str, Any], found: list[_Found], name: str) -> tuple[int, int] | None:
    """Height and width of the picture that the regions were drawn on; None where nothing says them."""
    stated = entry.get("height"), entry.get("width")
    sizes = {each.mask_size_px: each.annotation for each in found if each.mask_size_px is not None}
    # Some tools write 0 for what they do not know.
    if all(type(side) is int and side > 0 for side in stated):
        sizes[cast(tuple[int, int], stated)] = "its image entry"
    if len(sizes) > 1:
        told = " and ".join(f"{height}x{width} ({said_by})" for (height, width), said_by in sorted(sizes.items()))
        raise ValueError(f"image and masks of {name} are of different sizes: {told}")
    return next(iter(sizes), None)


def _safe_name(name: str) -> str:
    if not is_path_below(name):
        raise ValueError(f"file_name {name!r} is not a path below the image folder")
    return PurePosixPath(name).as_posix()


def _list_of_objects(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = document.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"no list of objects named {key}")
    return entries


def _id(entry: dict[str, Any], key: str) -> int | str:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"{key} is {value!r}, not a number or a name")
    return value


def _text(entry: dict[str, Any], key: str) -> str:
    """The text at `key`, stripped; empty where there is none. A number is taken as its digits (patient 17)."""
    value = entry.get(key)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"{key} is {value!r}, not text")
    text = str(value).strip()
    if not text.isprintable():
        raise ValueError(f"{key} {text!r} holds control characters")
    return text
