"""The COCO importer: what it takes over, and hostile JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
import scan_folders
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_nt.datasets.coco import import_coco
from edge_nt.datasets.dataset import read_dataset
from edge_nt.errors import EdgeNtError, InputError

IMAGE = {"id": 1, "file_name": "a.png"}
BOX = {"id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]}


def test_images_boxes_and_extra_keys_come_over(tmp_path: Path) -> None:
    annotations, images = scan_folders.coco(tmp_path)
    made = import_coco(annotations, images, tmp_path / "out", hospital="east", licence="CC0")
    first, second = made.rows
    assert (first.file, first.hospital, first.scanner, first.patient, first.mm_per_px) == (
        "images/a.png",
        "east",
        "",
        "a",
        None,
    )
    assert (second.file, second.hospital, second.scanner, second.patient, second.mm_per_px) == (
        "images/b/c.png",
        "west",
        "s9",
        "17",
        0.1,
    )
    roi = made.roi(first, "NT")
    assert roi is not None
    assert (roi.h_min, roi.w_min, roi.h_max, roi.w_max) == (20, 10, 28, 40.5)
    assert (made.licence, made.synthetic) == ("CC0", False)
    assert read_dataset(tmp_path / "out").rows == made.rows


def test_no_hospital_is_refused(tmp_path: Path) -> None:
    annotations, images = scan_folders.coco(tmp_path)
    with pytest.raises(InputError, match=r"no hospital for a\.png.*--hospital"):
        import_coco(annotations, images, tmp_path / "out", hospital=None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"images": None}, "named images"),
        ({"images": [1]}, "named images"),
        ({"images": []}, "image id 1, which no image has"),
        ({"images": [], "annotations": []}, "at least one image"),
        ({"images": [{"id": 1}, IMAGE | {"id": 2}]}, "file_name ''"),
        ({"images": [IMAGE, IMAGE]}, "two images with one id"),
        ({"images": [IMAGE, IMAGE | {"id": 2}]}, r"a\.png twice"),
        ({"images": [IMAGE | {"id": True}, IMAGE | {"id": 2}]}, "id is True"),
        ({"images": [IMAGE | {"file_name": "../boxes.json"}, IMAGE | {"id": 2}]}, "not a path below"),
        ({"images": [IMAGE | {"file_name": "/etc/passwd"}, IMAGE | {"id": 2}]}, "not a path below"),
        ({"images": [IMAGE | {"file_name": "a\x00.png"}, IMAGE | {"id": 2}]}, "control characters"),
        ({"images": [IMAGE | {"file_name": "n.png"}, IMAGE | {"id": 2}]}, "no such file"),
        ({"images": [IMAGE | {"hospital": ["x"]}, IMAGE | {"id": 2}]}, "hospital is"),
        ({"images": [IMAGE | {"mm_per_px": -1}, IMAGE | {"id": 2}]}, "-1, not 0"),
        ({"images": [IMAGE | {"mm_per_px": float("nan")}, IMAGE | {"id": 2}]}, r"mm_per_px of a\.png .*not a finite"),
        ({"images": [IMAGE | {"mm_per_px": 100}, IMAGE | {"id": 2}]}, r"mm_per_px of a\.png is 100, not 0\.01 to 5"),
        ({"categories": []}, "unknown or unnamed category"),
        ({"annotations": [BOX | {"bbox": [1, 2, 3]}]}, "is not"),
        ({"annotations": [BOX | {"bbox": [1, 2, 0, 4]}]}, "encloses nothing"),
        ({"annotations": [BOX | {"bbox": [1, 2, 10**400, 4]}]}, "not a finite number"),
        ({"annotations": [BOX | {"bbox": [1, 2, float("inf"), 4]}]}, "not a finite number"),
        ({"annotations": [BOX | {"bbox": ["1", 2, 3, 4]}]}, "not a finite number"),
        ({"annotations": [BOX | {"image_id": 77}]}, "image id 77"),
        ({"annotations": [BOX | {"image_id": [1]}]}, r"annotation 1: image_id is \[1\], not a number"),
        ({"annotations": {}}, "named annotations"),
    ],
)
def test_hostile_entries_are_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    annotations, images = scan_folders.coco(tmp_path, changes)
    with pytest.raises(InputError, match=reason):
        import_coco(annotations, images, tmp_path / "out", hospital="east")
    assert not (tmp_path / "out").exists()


def test_an_annotation_without_id_is_found_by_its_place(tmp_path: Path) -> None:
    annotations, images = scan_folders.coco(tmp_path, {"annotations": [BOX, {**BOX, "id": None, "bbox": [1]}]})
    with pytest.raises(InputError, match=r"annotation number 2 \(without an id\) of a\.png: bbox \[1\] is not"):
        import_coco(annotations, images, tmp_path / "out", hospital="east")


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "1" * 5000])
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "boxes.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"boxes\.json"):
        import_coco(tmp_path / "boxes.json", tmp_path, tmp_path / "out", hospital="east")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*IMAGE, *BOX, "name"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(st.fixed_dictionaries(dict.fromkeys(("images", "categories", "annotations"), JSON)))
def test_any_json_is_imported_or_refused(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> None:
    root = tmp_path_factory.mktemp("coco")
    (root / "boxes.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(EdgeNtError):
        # There is no picture, so that nothing can be imported: any other exception would be a traceback.
        import_coco(root / "boxes.json", root, root / "out", hospital="east")
