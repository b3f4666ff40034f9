"""The hospital-wise split and its guards against leakage."""

from dataclasses import replace
from pathlib import Path

import pytest
import scan_folders

from edge_nt.datasets.dataset import Dataset
from edge_nt.datasets.hospital_split import refuse_shared_pictures, split_by_hospital
from edge_nt.errors import InputError, LeakageError


def changed(dataset: Dataset, index: int, **fields: str) -> Dataset:
    rows = list(dataset.rows)
    rows[index] = replace(rows[index], **fields)
    return replace(dataset, rows=tuple(rows))


@pytest.fixture
def small(tmp_path: Path) -> Dataset:
    return scan_folders.dataset(tmp_path)


def test_the_held_out_hospital_stands_aside(small: Dataset) -> None:
    split = split_by_hospital(small, "west")
    assert [row.file for row in split.train] == ["images/0.png", "images/1.png"]
    assert [row.file for row in split.val] == ["images/2.png"]
    assert {row.hospital for row in split.held_out} == {"west"}
    assert len(split.held_out) == 3


def test_unknown_hospital_and_empty_sides_are_refused(small: Dataset) -> None:
    with pytest.raises(InputError, match="east, west"):
        split_by_hospital(small, "north")
    with pytest.raises(InputError, match="one validation row"):
        split_by_hospital(changed(small, 2, split="train"), "west")
    only_east = replace(small, rows=small.rows[:3])
    with pytest.raises(InputError, match="one training row"):
        split_by_hospital(only_east, "east")


@pytest.mark.parametrize("index", [2, 5])
def test_a_patient_on_two_sides_is_leakage(small: Dataset, index: int) -> None:
    with pytest.raises(LeakageError, match=rf"images/0\.png \(training\) and images/{index}\.png"):
        split_by_hospital(changed(small, index, patient="patient-0"), "west")


def test_a_picture_on_two_sides_is_leakage(small: Dataset) -> None:
    split = split_by_hospital(small, "west")
    digests = {row.file: row.file for row in small.rows}
    refuse_shared_pictures(split, digests)
    refuse_shared_pictures(split, digests | {"images/1.png": "images/0.png"})
    with pytest.raises(LeakageError, match=r"images/1\.png \(training\) and images/4\.png \(held-out west\)"):
        refuse_shared_pictures(split, digests | {"images/4.png": "images/1.png"})
