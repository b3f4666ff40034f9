import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.datasets.hospital_split import HospitalSplit, split_by_hospital
from edge_nt.digests import sha256_pixels
from edge_nt.errors import InputError, LeakageError
from edge_nt.export.calibration import calibration_images, read_calibration, select_calibration


def _row(hospital: str, number: int, split: str = "train") -> Row:
    return Row(f"{hospital}/{number}.png", hospital, "scanner", f"{hospital}-{number // 2}", split)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    rows = [_row(hospital, number, "val" if number >= 6 else "train") for hospital in "abc" for number in range(8)]
    random_pixels = np.random.default_rng(0)
    for row in rows:
        (tmp_path / row.file).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / row.file), random_pixels.integers(0, 256, (40, 50), np.uint8))
    return Dataset(tmp_path, "made", "CC0", "a test", True, tuple(rows), {})


@pytest.fixture
def split(dataset: Dataset) -> HospitalSplit:
    return split_by_hospital(dataset, "c")


def _images(dataset: Dataset, split: HospitalSplit, *files: str):
    of_file = {row.file: row for row in dataset.rows}
    return calibration_images(dataset, split, tuple(of_file[file] for file in files))


def test_a_clean_set_is_recorded_with_the_digest_of_its_pixels(dataset, split):
    images = calibration_images(dataset, split, select_calibration(split, 4))
    assert [image.hospital for image in images] == ["a", "a", "b", "b"]
    for image, row in zip(images, select_calibration(split, 4), strict=True):
        pixels = cv2.imread(str(dataset.root / row.file), cv2.IMREAD_GRAYSCALE)
        assert (image.hospital, image.sha256) == (row.hospital, sha256_pixels(pixels))


def test_a_validation_image_is_refused_by_name(dataset, split):
    with pytest.raises(LeakageError, match=r"b/7\.png \(validation\)"):
        _images(dataset, split, "a/0.png", "b/7.png")


def test_a_held_out_image_is_refused_by_name(dataset, split):
    with pytest.raises(LeakageError, match=r"c/0\.png \(held-out c\)") as refusal:
        _images(dataset, split, "a/0.png", "b/0.png", "c/0.png", "c/1.png")
    assert "c/1.png" in refusal.value.got
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(("side", "twin"), [("validation", "a/7.png"), ("held-out c", "c/3.png")])
def test_a_picture_that_was_copied_under_another_name_is_refused(dataset, split, side, twin):
    (dataset.root / "b/2.png").unlink()
    # Another file format of the same pixels: not one byte of the file need be equal.
    pixels = cv2.imread(str(dataset.root / twin), cv2.IMREAD_GRAYSCALE)
    (dataset.root / "b/2.png").write_bytes(cv2.imencode(".bmp", pixels)[1].tobytes())
    with pytest.raises(LeakageError, match=rf"b/2\.png \(the same pixels as {twin} of {side}\)"):
        _images(dataset, split, "a/0.png", "b/2.png")


def test_a_patient_of_the_other_side_is_refused(dataset, split):
    known = Row("a/0.png", "a", "scanner", "c-1", "train")
    mixed = HospitalSplit((known, *split.train[1:]), split.val, split.held_out, "c")
    with pytest.raises(LeakageError, match=r"a/0\.png \(patient c-1, as c/"):
        calibration_images(dataset, mixed, (known, _row("b", 0)))


def test_no_images_are_refused(dataset, split):
    with pytest.raises(InputError, match="at least one calibration image"):
        _images(dataset, split)


def test_a_source_hospital_that_is_left_out_is_named(dataset, split):
    with pytest.raises(InputError, match="none of b"):
        _images(dataset, split, "a/0.png")
    with pytest.raises(InputError, match="none of a"):
        calibration_images(dataset, split, select_calibration(split, 1))


def test_many_leaks_make_one_readable_line(dataset, split):
    leaked = [row.file for row in (*split.val, *split.held_out)]
    with pytest.raises(LeakageError, match="and 8 more"):
        _images(dataset, split, "a/0.png", "b/0.png", *leaked)


@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5), count=st.integers(1, 80), seed=st.integers(0, 99))
def test_the_choice_is_even_and_the_same_in_any_order(sizes: list[int], count: int, seed: int):
    rows = [_row(f"h{hospital}", number) for hospital, size in enumerate(sizes) for number in range(size)]
    chosen = select_calibration(HospitalSplit(tuple(rows), (), (), "held"), count)
    assert len(set(chosen)) == len(chosen) == min(count, len(rows))
    random.Random(seed).shuffle(rows)
    assert select_calibration(HospitalSplit(tuple(rows), (), (), "held"), count) == chosen
    taken = [sum(row.hospital == f"h{hospital}" for row in chosen) for hospital in range(len(sizes))]
    # A hospital gets less than another only where it has no more rows, but for one image that does not divide.
    assert all(mine >= max(taken) - 1 or mine == size for mine, size in zip(taken, sizes, strict=True))


def test_within_a_hospital_the_choice_is_spread():
    rows = tuple(_row("a", number) for number in range(20, 60))
    chosen = select_calibration(HospitalSplit(rows, (), (), "held"), 4)
    assert [row.file for row in chosen] == ["a/25.png", "a/35.png", "a/45.png", "a/55.png"]


def test_a_csv_names_the_rows(dataset):
    path = dataset.root / "mine.csv"
    path.write_text("hospital,file\na,a/1.png\nb,b/0.png\n")
    assert [row.file for row in read_calibration(path, dataset)] == ["a/1.png", "b/0.png"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file\na/0.png\nelsewhere.png\n", r"'elsewhere.png' in .*mine.csv line 3"),
        ("file\na/0.png\na/0.png\n", "again"),
        ("picture\na/0.png\n", "none named file"),
        ("file\n\xff", "mine.csv"),
    ],
)
def test_a_wrong_csv_is_refused_by_name(dataset, text, said):
    path = dataset.root / "mine.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=said):
        read_calibration(path, dataset)
