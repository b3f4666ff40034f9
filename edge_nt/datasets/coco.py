"""Importer of COCO object detection JSON: ``images``, ``categories``, ``annotations`` with ``bbox`` [x, y, w, h] in px.

The image entries may carry ``hospital``, ``scanner``, ``patient`` and ``mm_per_px`` beside COCO's own keys.
"""

from __future__ import annotations

import json
import math
from pathlib import Path, PurePosixPath
from typing import Any

from edge_nt.datasets.dataset import Dataset
from edge_nt.datasets.import_folder import FoundImage, OnImage, refuse_doubled, refuse_occupied, write_import
from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi

_MAX_JSON_BYTES = 512 << 20


def import_coco(
    annotations: Path,
    images: Path,
    out: Path,
    *,
    hospital: str | None,
    scanner: str = "",
    licence: str = "not stated",
    force: bool = False,
    on_image: OnImage | None = None,
) -> Dataset:
    """Import the images that `annotations` lists, found below the folder `images`, to the dataset folder `out`.

    `hospital` and `scanner` stand in where an image entry names none; an entry without patient is its own patient.

    Raises: InputError when the JSON, an entry or an image is not as it should be, or `out` is occupied.
    """
    document = _read_document(annotations)
    refuse_occupied(out, images, force=force)
    try:
        rois = _rois(document)
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


def _rois(document: dict[str, Any]) -> dict[int | str, list[Roi]]:
    categories = {_id(entry, "id"): _text(entry, "name") for entry in _list_of_objects(document, "categories")}
    rois: dict[int | str, list[Roi]] = {}
    for entry in _list_of_objects(document, "annotations"):
        category = categories.get(_id(entry, "category_id"))
        if not category:
            raise ValueError(f"annotation of unknown or unnamed category {entry['category_id']!r}")
        box = entry.get("bbox")
        if not isinstance(box, list) or len(box) != 4:
            raise ValueError(f"bbox {box!r} is not [x, y, width, height]")
        x, y, width, height = (_number(side, "bbox") for side in box)
        try:
            roi = Roi(category, y, x, y + height, x + width)
        except InputError:
            raise ValueError(f"bbox {box!r} encloses nothing") from None
        rois.setdefault(_id(entry, "image_id"), []).append(roi)
    return rois


def _refuse_unmatched(entries: list[dict[str, Any]], rois: dict[int | str, list[Roi]]) -> None:
    ids = [_id(entry, "id") for entry in entries]
    if len(set(ids)) != len(ids):
        raise ValueError("two images with one id")
    strangers = sorted(set(rois) - set(ids), key=str)
    if strangers:
        raise ValueError(f"annotations of image id {strangers[0]!r}, which no image has")


def _found(
    entry: dict[str, Any], images: Path, rois: dict[int | str, list[Roi]], hospital: str | None, scanner: str
) -> FoundImage:
    name = _safe_name(_text(entry, "file_name"))
    owner = _text(entry, "hospital") or (hospital or "").strip()
    if not owner:
        raise ValueError(f"no hospital for {name}: add the key, or pass --hospital")
    spacing = entry.get("mm_per_px")
    if spacing is not None:
        spacing = _number(spacing, "mm_per_px")
        if spacing <= 0:
            raise ValueError(f"mm_per_px of {name} is {spacing}, not above 0")
    return FoundImage(
        path=images / name,
        name=name,
        hospital=owner,
        scanner=_text(entry, "scanner") or scanner,
        patient=_text(entry, "patient") or None,
        mm_per_px=spacing,
        rois=tuple(rois.get(_id(entry, "id"), ())),
    )


def _safe_name(name: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
        raise ValueError(f"file_name {name!r} is not a path below the image folder")
    return path.as_posix()


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


def _number(value: Any, key: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{key} holds {str(value)[:40]}, not a finite number")
    return number
