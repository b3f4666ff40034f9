"""COCO segmentations, masks and lines: to the pixel through a dataset folder to training's masks, or refused."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scan_folders
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from edge_nt.cli.app import app
from edge_nt.datasets.check import check_dataset
from edge_nt.datasets.coco import import_coco
from edge_nt.datasets.coco_region import mask_size, region_of
from edge_nt.datasets.dataset import read_dataset
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess, affine_for
from edge_nt.imaging.roi import Roi

SIZE = scan_folders.HEIGHT, scan_folders.WIDTH
BOX = {"id": 1, "image_id": 1, "category_id": 5}
TRIANGLE = [20.5, 10, 90, 30.25, 40, 60]


def _fetus() -> np.ndarray:
    """A band along a bent line with a hole and an islet: what a CRL mask looks like."""
    mask = np.zeros(SIZE, np.uint8)
    cv2.polylines(mask, [np.array([[30, 150], [90, 60], [180, 40], [230, 90]])], False, 1, 21)
    cv2.circle(mask, (90, 60), 4, 0, -1)
    cv2.circle(mask, (30, 20), 6, 1, -1)
    return mask.astype(bool)


def _run_length(mask: np.ndarray) -> dict[str, Any]:
    values = mask.T.ravel()
    ends = [*(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    return {"size": list(mask.shape), "counts": ([0] if values[0] else []) + np.diff([0, *ends]).tolist()}


def _imported(tmp_path: Path, annotation: dict[str, Any], **options: Any) -> Roi:
    """The region of an annotation once it has been through a dataset folder on disk."""
    annotations, images = scan_folders.coco(tmp_path, {"annotations": [BOX | annotation]})
    import_coco(annotations, images, tmp_path / "out", hospital="east", **options)
    assert not [problem for problem in check_dataset(tmp_path / "out") if problem.severity == "error"]
    dataset = read_dataset(tmp_path / "out")
    roi = dataset.roi(dataset.rows[0], "NT")
    assert roi is not None
    return roi


def test_a_mask_comes_back_to_the_pixel_with_its_hole_and_its_islet(tmp_path: Path) -> None:
    mask = _fetus()
    roi = _imported(tmp_path, {"segmentation": _run_length(mask), "iscrowd": 1})
    assert np.array_equal(roi.mask(*SIZE), mask)
    assert len(roi.polygon) == 3
    # At network size: every pixel that any part of the mask maps to, and no other.
    affine = affine_for(*SIZE, Preprocess())
    shown = affine.to_network(roi).mask(192, 256)
    expected = np.zeros_like(shown)
    for h, w in np.argwhere(mask):
        pixel = affine.to_network(Roi("NT", h, w, h + 1, w + 1))
        expected[pixel.slices(192, 256)] = True
    assert np.array_equal(shown, expected)


def test_polygons_keep_their_fractions_and_pieces(tmp_path: Path) -> None:
    moved = [number + 100 for number in TRIANGLE]
    roi = _imported(tmp_path, {"segmentation": [TRIANGLE, moved], "bbox": [20.5, 10, 169.5, 150]})
    assert roi.polygon[0] == ((10.0, 20.5), (30.25, 90.0), (60.0, 40.0))
    assert roi.polygon[1] == ((110.0, 120.5), (130.25, 190.0), (160.0, 140.0))
    assert (roi.h_min, roi.w_min, roi.h_max, roi.w_max) == (10, 20.5, 160, 190)


def test_two_keypoints_are_a_band_from_crown_to_rump(tmp_path: Path) -> None:
    crown, rump = (40.0, 30.0), (200.0, 150.0)
    roi = _imported(tmp_path, {"keypoints": [*crown, 2, *rump, 1], "bbox": [40, 30, 160, 120]}, line_width_px=12.0)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    # The unit vector along the line is (0.8, 0.6) as (w, h).
    along = (columns - crown[0]) * 0.8 + (rows - crown[1]) * 0.6
    across = (rows - crown[1]) * 0.8 - (columns - crown[0]) * 0.6
    mask, half = roi.mask(*SIZE), 0.5**0.5
    reach = (np.abs(across), np.maximum(-along, along - 200))
    assert mask[(reach[0] < 6) & (reach[1] < 6)].all()
    assert not mask[(reach[0] > 6 + half) | (reach[1] > 6 + half)].any()
    box = region_of({"keypoints": [*crown, 2, *rump, 1], "bbox": [40, 30, 160, 120]}, "CRL", None)
    assert (box.polygon, box.h_min) == ((), 30)


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({}, "NT has neither segmentation nor bbox"),
        ({"segmentation": []}, "NT has neither segmentation nor bbox"),
        ({"keypoints": [1, 1, 2, 9, 9, 2]}, "--line-width-px"),
        ({"segmentation": "text"}, "neither a list of polygons"),
        ({"segmentation": [3]}, "at least 3 points"),
        ({"segmentation": [[1, 1, 9, 9]]}, "at least 3 points"),
        ({"segmentation": [[1, 1, 9, 9, 9, 1, 3]]}, "at least 3 points"),
        ({"segmentation": [[1, 1, 9, 9, 9, float("nan")]]}, "not a finite number"),
        ({"segmentation": [[1, 1, 9, 9, 9, "1"]]}, "not a finite number"),
        ({"segmentation": [[1, 1, 9, 9, 9, 1e12]]}, "out of range"),
        ({"segmentation": [[1, 1, 9, 1, 5, 1]]}, "encloses nothing"),
        ({"segmentation": [TRIANGLE, TRIANGLE]}, "overlap: join them"),
        ({"segmentation": [TRIANGLE, [x + 20 for x in TRIANGLE]]}, r"overlap \(its outline crosses"),
        ({"segmentation": [[0, 0, 90, 0, 90, 90, 0, 90], [10, 10, 20, 10, 20, 20]]}, "overlap: join them"),
        ({"segmentation": [TRIANGLE], "bbox": [20.5, 10, 60, 50]}, "disagree by 9.5 px"),
        ({"segmentation": _run_length(np.zeros(SIZE, bool))}, "without any pixel"),
        (
            {"segmentation": _run_length(np.ones((9, 9), bool))},
            r"sizes: 9x9 \(annotation 1\) and 200x260 \(its image entry\)",
        ),
        ({"segmentation": {"size": [200, 260], "counts": "??"}}, "counts of a mask"),
    ],
)
def test_hostile_regions_are_refused(tmp_path: Path, annotation: dict[str, Any], reason: str) -> None:
    annotations, images = scan_folders.coco(tmp_path, {"annotations": [BOX | annotation]})
    with pytest.raises(InputError, match=reason):
        import_coco(annotations, images, tmp_path / "out", hospital="east")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "fault",
    [
        {"category_id": 6},
        {"bbox": [1, 2, 3]},
        {"segmentation": [TRIANGLE, TRIANGLE]},
        {"segmentation": {"size": [200, 260], "counts": "??"}},
        {"keypoints": [1, 1, 2]},
    ],
)
def test_every_refusal_of_an_annotation_says_which_and_of_which_image(tmp_path: Path, fault: dict[str, Any]) -> None:
    sound = {"bbox": [1, 2, 3, 4]}
    entries = [BOX | sound, {"id": 4711, "image_id": 2, "category_id": 5} | fault, BOX | sound]
    annotations, images = scan_folders.coco(tmp_path, {"annotations": entries})
    with pytest.raises(InputError, match=r"boxes\.json: annotation 4711 of b/c\.png: \w"):
        import_coco(annotations, images, tmp_path / "out", hospital="east", line_width_px=4.0)


def test_an_empty_mask_object_beside_a_box_is_no_mask() -> None:
    entry = {"bbox": [1, 2, 3, 4], "segmentation": {}}
    assert region_of(entry, "NT", None) == Roi("NT", 2, 1, 6, 4)
    assert mask_size(entry) is None


@pytest.mark.parametrize(
    ("keypoints", "reason"),
    [
        ([1, 1, 2, 9, 9, 0], "two labelled keypoints, not 1"),
        ([1, 1, 2, 9, 9, 2, 5, 5, 1], "two labelled keypoints, not 3"),
        ([1, 1, 2, 1, 1, 2], "at one place"),
        ([1, 1, 2, 9, 9], "are not"),
        ([1, 1, 2, 9, None, 2], "not a finite number"),
    ],
)
def test_keypoints_that_are_no_line_are_refused(keypoints: list[Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        region_of({"keypoints": keypoints}, "CRL", 5.0)


def test_a_picture_of_another_size_than_was_annotated_is_refused(tmp_path: Path) -> None:
    annotations, images = scan_folders.coco(tmp_path)
    scan_folders.save(images / "a.png", scan_folders.scan(3, 100, 130))
    with pytest.raises(InputError, match=r"a\.png of 200x260 px.*100x130"):
        import_coco(annotations, images, tmp_path / "out", hospital="east")


def test_the_command_makes_lines_and_counts_polygons(tmp_path: Path) -> None:
    line = {"annotations": [BOX | {"keypoints": [40, 30, 2, 200, 150, 2]}]}
    annotations, images = scan_folders.coco(tmp_path, line)
    arguments = ["data", "import", "coco", str(annotations), "--images", str(images), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*arguments, "--hospital", "east", "--line-width-px", "9"])
    assert result.exit_code == 0, result.output
    assert "regions with a polygon: 1" in result.output
    with pytest.raises(InputError, match="line width above 0"):
        import_coco(annotations, images, tmp_path / "other", hospital="east", line_width_px=float("nan"))


VALUE = st.none() | st.integers(-3, 300) | st.floats(-5, 300) | st.text("05;O`", max_size=5)
SEGMENTATION = st.one_of(
    st.lists(st.lists(VALUE, max_size=10), max_size=3),
    st.lists(st.lists(st.floats(0, 200), min_size=6, max_size=8), min_size=1, max_size=3),
    st.fixed_dictionaries({"size": st.lists(VALUE, max_size=3), "counts": VALUE | st.lists(VALUE, max_size=5)}),
)


@settings(max_examples=150)
@given(segmentation=SEGMENTATION, keypoints=st.lists(VALUE, max_size=7), box=st.lists(VALUE, max_size=5))
def test_any_annotation_is_a_region_or_a_value_error(segmentation: Any, keypoints: Any, box: Any) -> None:
    entry = json.loads(json.dumps({"segmentation": segmentation, "keypoints": keypoints, "bbox": box or None}))
    try:
        region = region_of(entry, "NT", 4.0)
    except ValueError:
        return
    assert region.mask(50, 60).shape == (50, 60)
