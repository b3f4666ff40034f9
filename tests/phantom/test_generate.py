from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_nt.atomic import TEMPORARY_PREFIX
from edge_nt.datasets.dataset import read_dataset
from edge_nt.errors import InputError
from edge_nt.phantom.fetus import THICKNESS_RANGE_MM
from edge_nt.phantom.generate import NASAL_BONE, NT, Phantom, hospital_name, render_phantom, write_phantoms


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantoms") / "data"
    write_phantoms(out, hospitals=2, per_hospital=8, seed=5, shrink=2)
    return out


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_phantoms(tmp_path / "again", hospitals=2, per_hospital=8, seed=5, shrink=2)
    assert _bytes(tmp_path / "again") == _bytes(folder)


def test_another_seed_gives_other_pictures_of_the_same_hospitals() -> None:
    one, two = render_phantom(1, 0, 0), render_phantom(2, 0, 0)
    assert one.frame.pixels.shape == two.frame.pixels.shape
    assert np.mean(one.frame.pixels != two.frame.pixels) > 0.3
    assert one.thickness_mm != two.thickness_mm


def test_an_image_does_not_depend_on_how_many_there_are(folder: Path, tmp_path: Path) -> None:
    write_phantoms(tmp_path / "fewer", hospitals=1, per_hospital=3, seed=5, shrink=2)
    whole, fewer = _bytes(folder), _bytes(tmp_path / "fewer")
    images = [name for name in fewer if name.endswith(".png")]
    assert len(images) == 3
    assert all(whole[name] == fewer[name] for name in images)
    known = set(read_dataset(folder).rows)
    assert set(read_dataset(tmp_path / "fewer").rows) <= known


def test_folder_reads_back_with_spacing_boxes_and_truth(folder: Path) -> None:
    dataset = read_dataset(folder)
    assert dataset.synthetic
    assert dataset.hospitals() == ("phantom-a", "phantom-b")
    assert len({row.patient for row in dataset.rows}) == len(dataset.rows) == 16
    for row in dataset.rows:
        pixels = cv2.imread(str(dataset.path(row)), cv2.IMREAD_UNCHANGED)
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 2
        assert row.mm_per_px is not None
        nt, bone = dataset.boxes[row.file]
        assert (nt.roi.structure, bone.roi.structure) == (NT, NASAL_BONE)
        assert nt.thickness_mm is not None
        assert nt.roi.h_max - nt.roi.h_min > nt.thickness_mm / row.mm_per_px
        assert bone.thickness_mm is None


def _split(index: int) -> str:
    return "val" if index % 7 == 1 else "train"


def test_every_seventh_image_of_each_hospital_validates(folder: Path) -> None:
    rows = read_dataset(folder).rows
    for hospital in ("phantom-a", "phantom-b"):
        splits = [row.split for row in rows if row.hospital == hospital]
        assert splits == [_split(index) for index in range(8)]
        assert splits.count("val") == 1


def test_two_images_are_one_to_train_and_one_to_validate_on(tmp_path: Path) -> None:
    dataset = write_phantoms(tmp_path / "data", hospitals=1, per_hospital=2, seed=0, shrink=2)
    assert [row.split for row in dataset.rows] == ["train", "val"]


@settings(max_examples=20)
@given(seed=st.integers(0, 2**63 - 1), hospital=st.integers(0, 25), index=st.integers(0, 9998))
def test_boxes_lie_in_frame_and_sector_and_hold_the_band(seed: int, hospital: int, index: int) -> None:
    phantom = render_phantom(seed, hospital, index)
    height, width = phantom.frame.pixels.shape
    for box in phantom.boxes:
        assert 0 <= box.roi.h_min < box.roi.h_max <= height
        assert 0 <= box.roi.w_min < box.roi.w_max <= width
    roi = phantom.boxes[0].roi
    contour = phantom.pose.to_px(phantom.fetus.band.contour())
    assert roi.w_min < contour[:, 0].min() < contour[:, 0].max() < roi.w_max
    assert roi.h_min < contour[:, 1].min() < contour[:, 1].max() < roi.h_max
    # A small margin, as people draw it: no more than 0.4 mm on any side.
    assert contour[:, 1].min() - roi.h_min < 0.4 / phantom.pose.mm_per_px
    low, high = THICKNESS_RANGE_MM
    assert low <= phantom.thickness_mm <= high
    assert phantom.thickness_mm == phantom.boxes[0].thickness_mm == phantom.fetus.band.thickness_mm


def test_band_is_darker_than_its_lines() -> None:
    for phantom in (render_phantom(3, hospital, 0, overlays=False) for hospital in range(6)):
        band, pose = phantom.fetus.band, phantom.pose
        zero = np.zeros(1)
        inner, outer = band.inner_edge(zero), band.outer_edge(zero)
        across = [(inner + outer) / 2, inner - band.inner_line_mm / 2, outer + band.outer_line_mm / 2]
        middle, *lines = (_gray(phantom, pose.to_px(band.point(zero, at))[0]) for at in across)
        assert middle < 0.6 * min(lines)


def _gray(phantom: Phantom, at_px: np.ndarray) -> float:
    return float(phantom.frame.pixels[int(at_px[1]), int(at_px[0])])


def test_hospitals_differ_in_style_and_statistics() -> None:
    phantoms = [[render_phantom(0, hospital, index, overlays=False) for index in range(5)] for hospital in range(3)]
    assert len({group[0].frame.pixels.shape for group in phantoms}) == 3
    looks = np.array([[_look(phantom) for phantom in group] for group in phantoms])
    for one, other in ((0, 1), (0, 2), (1, 2)):
        gap = np.abs(looks[one].mean(axis=0) - looks[other].mean(axis=0))
        within = np.maximum(looks[one].std(axis=0), looks[other].std(axis=0))
        assert (gap > 2 * within).any(), f"hospitals {one} and {other} look alike: {gap} against {within}"


def _look(phantom: Phantom) -> tuple[float, float, float]:
    """Gray of the lit pixels (mean, deviation) and speckle's autocorrelation 3 px aside: gain, range, point spread."""
    pixels = phantom.frame.pixels.astype(np.float64)
    lit = pixels[pixels > 20]
    fine = pixels - cv2.GaussianBlur(pixels, (0, 0), 8)
    return float(lit.mean()), float(lit.std()), float(np.mean(fine[:, 3:] * fine[:, :-3]) / np.mean(fine**2))


def test_both_facings_occur() -> None:
    assert {render_phantom(0, 0, index, overlays=False).pose.faces_left for index in range(8)} == {True, False}


def test_a_broken_run_leaves_nothing_behind(tmp_path: Path) -> None:
    seen = []

    def interrupt() -> None:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_phantoms(tmp_path / "data", hospitals=1, per_hospital=3, seed=0, on_image=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_an_older_phantom_folder_is_replaced(tmp_path: Path) -> None:
    for per_hospital in (2, 1):
        write_phantoms(tmp_path / "data", hospitals=1, per_hospital=per_hospital, seed=0, shrink=2)
        # As a training leaves it.
        (tmp_path / "data" / ".edge-nt-cache").mkdir()
    assert len(read_dataset(tmp_path / "data").rows) == 1
    assert len(list((tmp_path / "data" / "images").iterdir())) == 1
    assert not list(tmp_path.glob(f"{TEMPORARY_PREFIX}*"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("notes.txt", "mine"),
        ("dataset.json", '{"synthetic": false}'),
        ("dataset.json", '{"name": "scans of my GAN", "source": "me", "synthetic": true}'),
    ],
)
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="something else at"):
        write_phantoms(tmp_path, hospitals=1, per_hospital=1, seed=0)
    assert (tmp_path / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("hospitals", "per_hospital", "seed"), [(0, 1, 0), (27, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_numbers_out_of_range_are_refused(tmp_path: Path, hospitals: int, per_hospital: int, seed: int) -> None:
    with pytest.raises(InputError, match="Expected a"):
        write_phantoms(tmp_path / "data", hospitals=hospitals, per_hospital=per_hospital, seed=seed)
    assert not (tmp_path / "data").exists()


def test_hospital_names_count_in_letters() -> None:
    assert [hospital_name(number) for number in (0, 1, 25)] == ["phantom-a", "phantom-b", "phantom-z"]
