"""Folders of small scans in the layouts that users bring: the public release, COCO, and a dataset folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from openpyxl import Workbook

from edge_nt.datasets.dataset import Box, Dataset, Row, Split, write_dataset
from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.roi import Roi

HEIGHT, WIDTH = 200, 260
COLUMNS = ("fname", "structure", "h_min", "w_min", "h_max", "w_max")


def scan(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A blurred-noise picture; another seed gives other pixels."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def save(path: Path, pixels: np.ndarray) -> Path:
    """Write a picture, its folders too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def refusal(path: Path) -> str:
    """The one line with which a picture is refused."""
    with pytest.raises(InputError) as caught:
        decode_image(path)
    line = str(caught.value)
    assert str(path) in line
    assert "\n" not in line
    return line


def release(root: Path, boxes: Sequence[tuple[Any, ...]] = (("0.png", "NT", 50, 60, 58, 120),)) -> Path:
    """The public release in small: 20 internal images, of which 7 and 13 are one picture, and 3 external ones."""
    for number in range(20):
        save(
            root / "Set1-Training&Validation Sets CNN" / "Standard" / f"{number}.png",
            scan(7 if number == 13 else number),
        )
    save(root / "Set1-Training&Validation Sets CNN" / "Non-standard" / "99.png", scan(99))
    for number in range(20, 23):
        save(root / "External Test Set" / "Standard" / f"{number}.png", scan(number))
    workbook = Workbook()
    for cells in (COLUMNS, *boxes):
        workbook.active.append(cells)
    workbook.save(root / "ObjectDetection.xlsx")
    return root


def coco(root: Path, changes: dict[str, Any] | None = None) -> tuple[Path, Path]:
    """Two images with one box each as COCO; `changes` replace top-level keys. Returns the JSON and the image folder."""
    for name in ("a.png", "b/c.png"):
        save(root / "images" / name, scan(len(name)))
    document = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT},
            {"id": 2, "file_name": "b/c.png", "hospital": "west", "scanner": "s9", "patient": 17, "mm_per_px": 0.1},
        ],
        "categories": [{"id": 5, "name": "NT"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 5, "bbox": [10, 20, 30.5, 8]},
            {"id": 2, "image_id": 2, "category_id": 5, "bbox": [1, 2, 3, 4]},
        ],
    } | (changes or {})
    annotations = root / "boxes.json"
    annotations.write_text(json.dumps(document), encoding="utf-8")
    return annotations, root / "images"


def dataset(root: Path) -> Dataset:
    """A sound dataset folder: hospitals east and west, two training images and one for validation each, NT on all."""
    rows, boxes = [], {}
    for index, (hospital, split) in enumerate((h, s) for h in ("east", "west") for s in ("train", "train", "val")):
        row = _row(index, hospital, split)
        save(root / row.file, scan(index))
        rows.append(row)
        boxes[row.file] = (Box(row.file, Roi("NT", 50, 60, 58, 120)),)
    made = Dataset(root, "small", "CC0", "tests", synthetic=True, rows=tuple(rows), boxes=boxes)
    write_dataset(made)
    return made


def _row(index: int, hospital: str, split: Split) -> Row:
    return Row(f"images/{index}.png", hospital, "scanner", f"patient-{index}", split)
