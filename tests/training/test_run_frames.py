from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_nt.errors import InputError, LeakageError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Preprocess, affine_for, letterbox
from edge_nt.training.recipe import read_recipe
from edge_nt.training.run_folder import RunInfo
from edge_nt.training.run_frames import frames_of, network_rois, read_run_frames
from edge_nt.training.train import prepare_run


@pytest.fixture
def info(phantoms: Path, tmp_path: Path) -> RunInfo:
    return prepare_run(
        tmp_path / "run", phantoms, held_out="phantom-c", structures=("NT",), preprocess=Preprocess(),
        recipe=read_recipe(None, {}),
    )  # fmt: skip


def test_frames_and_boxes_are_those_of_the_rows_asked_for(info: RunInfo) -> None:
    source = read_run_frames(info, None)
    rows = source.split.held_out[::-1]
    frames, rois = frames_of(source, rows), network_rois(source, rows)
    for row, frame, found in zip(rows, frames, rois, strict=True):
        pixels = decode_image(source.dataset.path(row)).pixels
        assert np.array_equal(frame, letterbox(pixels, info.preprocess))
        box = source.dataset.roi(row, "NT")
        assert box is not None
        assert found == (affine_for(*pixels.shape, info.preprocess).to_network(box),)


def test_a_moved_dataset_is_read_where_it_is_now(info: RunInfo, phantoms: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(phantoms, tmp_path / "moved")
    gone = replace(info, data_root=str(tmp_path / "gone"))
    assert read_run_frames(gone, moved).dataset.root == moved
    with pytest.raises(InputError, match=r"gone.*name the folder as --data"):
        read_run_frames(gone, None)


def test_refuses_rows_that_changed_sides_since_training(info: RunInfo, phantoms: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(phantoms, tmp_path / "moved")
    manifest = moved / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",train,", ",val,", 1))
    with pytest.raises(LeakageError, match="training rows"):
        read_run_frames(info, moved)


def test_refuses_a_training_picture_under_a_held_out_name(info: RunInfo, phantoms: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(phantoms, tmp_path / "moved")
    shutil.copy(moved / info.train[0], moved / info.held_out[0])
    with pytest.raises(LeakageError, match=info.held_out[0]):
        read_run_frames(info, moved)


@pytest.mark.parametrize(("above", "below"), [(0, 9), (-9, 1)])
def test_a_box_that_leaves_its_image_is_named(
    info: RunInfo, phantoms: Path, tmp_path: Path, above: int, below: int
) -> None:
    moved = shutil.copytree(phantoms, tmp_path / "moved")
    boxes = moved / "boxes.csv"
    lines = [line for line in boxes.read_text().splitlines() if not line.startswith(f"{info.val[0]},NT")]
    height = cv2.imread(str(moved / info.val[0]), cv2.IMREAD_UNCHANGED).shape[0]
    boxes.write_text("\n".join([*lines, f"{info.val[0]},NT,{height + above},0,{height + below},20,"]) + "\n")
    source = read_run_frames(info, moved)
    with pytest.raises(InputError, match=info.val[0]):
        network_rois(source, source.split.val)


def test_a_row_without_a_box_has_no_region(info: RunInfo, phantoms: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(phantoms, tmp_path / "moved")
    boxes = moved / "boxes.csv"
    boxes.write_text("\n".join(line for line in boxes.read_text().splitlines() if not line.startswith(info.val[0])))
    source = read_run_frames(info, moved)
    rois = network_rois(source, source.split.val)
    assert rois[0] == ()
    assert all(len(found) == 1 for found in rois[1:])


def test_every_structure_of_the_run_has_its_region_whatever_the_order_in_the_table(
    info: RunInfo, phantoms: Path
) -> None:
    source = read_run_frames(replace(info, structures=("nasal bone", "NT")), phantoms)
    rows = source.split.val
    alone = network_rois(read_run_frames(info, phantoms), rows)
    assert [[roi.structure for roi in found] for found in network_rois(source, rows)] == [["nasal bone", "NT"]] * len(
        rows
    )
    assert [found[1:] for found in network_rois(source, rows)] == list(alone)
