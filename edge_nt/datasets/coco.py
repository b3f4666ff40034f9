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
from edge_nt.imaging.roi import Roi

_MAX_JSON_BYTES = 512 << 20


@dataclass(frozen=True)
class _Found:
    """A region, and height and width of the mask that it comes from, if it does."""

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
        rois = _rois(document, line_width_px)
        entries = _list_of_objects(document, "images")
        _refuse_unmatched(entries, rois)
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


def _rois(document: dict[str, Any], line_width_px: float | None) -> dict[int | str, list[_Found]]:
    categories = {_id(entry, "id"): _text(entry, "name") for entry in _list_of_objects(document, "categories")}
    rois: dict[int | str, list[_Found]] = {}
    for entry in _list_of_objects(document, "annotations"):
        category = categories.get(_id(entry, "category_id"))
        if not category:
            raise ValueError(f"annotation of unknown or unnamed category {entry['category_id']!r}")
        found = _Found(region_of(entry, category, line_width_px), mask_size(entry))
        rois.setdefault(_id(entry, "image_id"), []).append(found)
    return rois


def _refuse_unmatched(entries: list[dict[str, Any]], rois: dict[int | str, list[_Found]]) -> None:
    ids = [_id(entry, "id") for entry in entries]
    if len(set(ids)) != len(ids):
        raise ValueError("two images with one id")
    strangers = sorted(set(rois) - set(ids), key=str)
    if strangers:
        raise ValueError(f"annotations of image id {strangers[0]!r}, which no image has")


def _found(
    entry: dict[str, Any], images: Path, rois: dict[int | str, list[_Found]], hospital: str | None, scanner: str
) -> FoundImage:
    name = _safe_name(_text(entry, "file_name"))
    owner = _text(entry, "hospital") or (hospital or "").strip()
    if not owner:
        raise ValueError(f"no hospital for {name}: add the key, or pass --hospital")
    spacing = entry.get("mm_per_px")
    if spacing is not None:
        spacing = finite(spacing, "mm_per_px")
        if spacing <= 0:
            raise ValueError(f"mm_per_px of {name} is {spacing}, not above 0")
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
    sizes = {each.mask_size_px for each in found if each.mask_size_px is not None}
    # Some tools write 0 for what they do not know.
    if all(type(side) is int and side > 0 for side in stated):
        sizes.add(cast(tuple[int, int], stated))
    if len(sizes) > 1:
        told = " and ".join(f"{height}x{width}" for height, width in sorted(sizes))
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
