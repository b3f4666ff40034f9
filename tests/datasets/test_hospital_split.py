"""The hospital-wise split and its guards against leakage."""

from dataclasses import replace
from pathlib import Path

import pytest
import scan_folders

from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.datasets.hospital_split import refuse_seen_unused, refuse_shared_pictures, split_by_hospital
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


@pytest.mark.parametrize(
    ("first", "second"), [("west", "West"), ("Klinikum S\u00fcd", "Klinikum Su\u0308d"), ("Straße", "STRASSE")]
)
def test_a_hospital_in_two_spellings_is_not_half_unseen(small: Dataset, first: str, second: str) -> None:
    rows = [replace(row, hospital=first if row.hospital == "west" else row.hospital) for row in small.rows]
    rows[-1] = replace(rows[-1], hospital=second)
    with pytest.raises(LeakageError, match="one spelling of each hospital"):
        split_by_hospital(replace(small, rows=tuple(rows)), first)


def test_a_patient_in_two_spellings_is_one(small: Dataset) -> None:
    with pytest.raises(LeakageError, match=r"the same patient in images/0\.png.*images/2\.png"):
        split_by_hospital(changed(small, 2, patient=small.rows[0].patient.upper()), "west")


def test_many_clashes_are_counted_instead_of_listed(small: Dataset) -> None:
    rows = [replace(row, file=f"{number}-{row.file}", patient="1") for number in range(20) for row in small.rows]
    with pytest.raises(LeakageError) as caught:
        split_by_hospital(replace(small, rows=tuple(rows)), "west")
    assert len(str(caught.value)) < 700
    assert "more. Fix: give these rows one split value, or, where hospitals number their own" in str(caught.value)


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


def two_scanners(dataset: Dataset) -> Dataset:
    """East has scanner ``a`` (one training row) and ``b`` (training and validation); west keeps its own."""
    rows = [
        replace(row, scanner="a" if index == 0 else "b") if row.hospital == "east" else row
        for index, row in enumerate(dataset.rows)
    ]
    return replace(dataset, rows=tuple(rows))


def files(rows: tuple[Row, ...]) -> list[str]:
    return [row.file.removeprefix("images/").removesuffix(".png") for row in rows]


def test_a_scanner_is_held_out_and_the_hospital_named_by_its_scanners(small: Dataset) -> None:
    dataset = two_scanners(small)
    split = split_by_hospital(dataset, "east:a")
    assert files(split.held_out) == ["0"]
    assert files(split.train) == ["1", "3", "4"]
    assert {split.site_of(row) for row in split.train} == {"east:b", "west"}
    assert {split.site_of(row) for row in split.held_out} == {"east:a"}
    whole = split_by_hospital(dataset, "west")
    assert set(map(whole.site_of, dataset.rows)) == {"east", "west"}


def test_unused_rows_of_a_patient_or_picture_that_was_used_are_not_unseen(small: Dataset) -> None:
    named = changed(changed(changed(small, 0, scanner="a"), 1, scanner="b"), 2, scanner="b")
    digests = {row.file: row.file for row in named.rows}
    refuse_seen_unused(split_by_hospital(named, "west", ("east:b",)), digests)
    both = r"same picture in images/1\.png \(training\) and images/0\.png \(unused east:a\)"
    with pytest.raises(LeakageError, match=both):
        refuse_seen_unused(split_by_hospital(named, "west", ("east:b",)), {**digests, "images/0.png": "images/1.png"})
    shared = split_by_hospital(changed(named, 0, patient=named.rows[1].patient), "west", ("east:b",))
    with pytest.raises(LeakageError, match="same patient"):
        refuse_seen_unused(shared, digests)


def test_sources_narrow_the_training_and_leave_the_rest_unused(small: Dataset) -> None:
    dataset = two_scanners(small)
    split = split_by_hospital(dataset, "west", ("east:b",))
    assert (files(split.train), files(split.val), files(split.unused)) == (["1"], ["2"], ["0"])
    assert split.site_of(split.unused[0]) == "east:a"
    assert {split.site_of(row) for row in split.train} == {"east:b"}


def test_a_source_that_is_held_out_or_unknown_is_refused(small: Dataset) -> None:
    dataset = two_scanners(small)
    for held_out, source in (("east:a", "east"), ("east", "east:b"), ("west", "west")):
        with pytest.raises(InputError, match=f"apart from the held-out {held_out}"):
            split_by_hospital(dataset, held_out, (source,))
    with pytest.raises(InputError, match=r"east, east:a, east:b, west.*--source"):
        split_by_hospital(dataset, "west", ("east:c",))


def test_a_patient_of_two_scanners_is_leakage_when_one_is_held_out(small: Dataset) -> None:
    dataset = changed(two_scanners(small), 1, patient="patient-0")
    split_by_hospital(dataset, "west")
    with pytest.raises(LeakageError, match=r"held-out east:a"):
        split_by_hospital(dataset, "east:a")
