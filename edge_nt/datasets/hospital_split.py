"""The hospital-wise split: which rows train, which validate, which are never seen; and the guard that proves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.errors import InputError, LeakageError


@dataclass(frozen=True)
class HospitalSplit:
    """Rows of the source hospitals for training and validation, and rows of the held-out hospital."""

    train: tuple[Row, ...]
    val: tuple[Row, ...]
    held_out: tuple[Row, ...]
    held_out_hospital: str


def split_by_hospital(dataset: Dataset, held_out: str) -> HospitalSplit:
    """Set the hospital `held_out` aside; the `split` column divides the other hospitals.

    Raises: InputError when the hospital is unknown or nothing is left to train or validate on;
    LeakageError when a patient stands on two sides of the split.
    """
    if held_out not in dataset.hospitals():
        raise InputError(
            expected=f"a held-out hospital among {', '.join(dataset.hospitals())}",
            got=repr(held_out),
            fix="pass one of them as --held-out",
        )
    source = [row for row in dataset.rows if row.hospital != held_out]
    split = HospitalSplit(
        train=tuple(row for row in source if row.split == "train"),
        val=tuple(row for row in source if row.split == "val"),
        held_out=tuple(row for row in dataset.rows if row.hospital == held_out),
        held_out_hospital=held_out,
    )
    for name, rows in (("training", split.train), ("validation", split.val)):
        if not rows:
            raise InputError(
                expected=f"at least one {name} row outside hospital {held_out}",
                got="none",
                fix="add source hospitals, or mend the split column of manifest.csv",
            )
    _refuse_shared(split, {row.file: row.patient for row in dataset.rows}, "patient")
    return split


def refuse_shared_pictures(split: HospitalSplit, digests: Mapping[str, str]) -> None:
    """Refuse a split in which one picture stands on two sides, whatever its file or patient is called.

    `digests` maps each file to a digest of its pixels (`edge_nt.digests.sha256_pixels`).
    Raises: LeakageError that names the rows.
    """
    _refuse_shared(split, digests, "picture")


def _refuse_shared(split: HospitalSplit, identity: Mapping[str, str], what: str) -> None:
    side_of = {row.file: "training" for row in split.train}
    side_of |= {row.file: "validation" for row in split.val}
    side_of |= {row.file: f"held-out {split.held_out_hospital}" for row in split.held_out}
    first: dict[str, str] = {}
    clashes = []
    for file, side in side_of.items():
        other = first.setdefault(identity[file], file)
        if side_of[other] != side:
            clashes.append(f"{other} ({side_of[other]}) and {file} ({side})")
    if clashes:
        raise LeakageError(
            expected=f"every {what} on one side of the split",
            got=f"the same {what} in {'; '.join(clashes)}",
            fix="give these rows one split value, or drop one of them from manifest.csv",
        )
