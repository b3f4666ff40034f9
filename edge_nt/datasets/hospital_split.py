"""The split by site: which rows train, which validate, which are never seen; and the guard that proves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.datasets.site import check_site, in_site, scanner_site, site_names
from edge_nt.datasets.spelling import folded, two_spellings
from edge_nt.errors import InputError, LeakageError

_MOST_NAMED = 5


@dataclass(frozen=True)
class HospitalSplit:
    """Rows of the source sites for training and validation, rows of the held-out site, and rows of neither.

    `held_out_hospital` names the held-out site: a hospital, or hospital:scanner.
    """

    train: tuple[Row, ...]
    val: tuple[Row, ...]
    held_out: tuple[Row, ...]
    held_out_hospital: str
    unused: tuple[Row, ...] = ()

    def site_of(self, row: Row) -> str:
        """The site that a row counts for: its hospital, or hospital:scanner where its scanners stand on two sides."""
        return self._sites[row.hospital, row.scanner]

    @cached_property
    def _sites(self) -> dict[tuple[str, str], str]:
        return site_names(((*self.train, *self.val), self.held_out, self.unused))


def split_by_hospital(dataset: Dataset, held_out: str, sources: tuple[str, ...] = ()) -> HospitalSplit:
    """Set the site `held_out` aside; the `split` column divides the `sources`, by default every other site.

    Raises: InputError when a site is unknown, a source is held out, or nothing is left to train or validate on;
    LeakageError when a patient stands on two sides of the split, or a hospital or scanner is spelled in two ways.
    """
    _refuse_two_spellings(dataset)
    check_site(held_out, dataset.rows, "--held-out")
    rest = [row for row in dataset.rows if not in_site(held_out, row)]
    for site in sources:
        check_site(site, dataset.rows, "--source")
        _refuse_held_out(site, held_out, dataset)
    source = [row for row in rest if not sources or any(in_site(site, row) for site in sources)]
    used = {row.file for row in source}
    split = HospitalSplit(
        train=tuple(row for row in source if row.split == "train"),
        val=tuple(row for row in source if row.split == "val"),
        held_out=tuple(row for row in dataset.rows if in_site(held_out, row)),
        held_out_hospital=held_out,
        unused=tuple(row for row in rest if row.file not in used),
    )
    for name, rows in (("training", split.train), ("validation", split.val)):
        if not rows:
            raise InputError(
                expected=f"at least one {name} row outside {held_out}",
                got="none",
                fix="add source sites, or mend the split column of manifest.csv",
            )
    _refuse_shared(split, _patients(dataset.rows), "patient")
    return split


def _patients(rows: Iterable[Row]) -> dict[str, str]:
    return {row.file: folded(row.patient) for row in rows}


def _refuse_two_spellings(dataset: Dataset) -> None:
    """A hospital in two spellings would be two: the one trained on, the other called unseen."""
    for what, names in (
        ("hospital", [row.hospital for row in dataset.rows]),
        ("scanner", [scanner_site(row) for row in dataset.rows]),
    ):
        found = two_spellings(names)
        if found is not None:
            raise LeakageError(
                expected=f"one spelling of each {what} in {dataset.root / 'manifest.csv'}",
                got=f"{found[0]!r} and {found[1]!r}",
                fix="write both alike, or call them by names that differ in more",
            )


def _refuse_held_out(site: str, held_out: str, dataset: Dataset) -> None:
    shared = [row.file for row in dataset.rows if in_site(site, row) and in_site(held_out, row)]
    if shared:
        raise InputError(
            expected=f"source sites apart from the held-out {held_out}",
            got=f"{site}, which has {len(shared)} of its rows, such as {shared[0]}",
            fix="name the scanners to train on, as hospital:scanner",
        )


def refuse_larger_batch(batch_size: int, split: HospitalSplit) -> None:
    """Refuse a batch that the training frames do not fill. Raises: InputError."""
    if batch_size > len(split.train):
        raise InputError(
            expected=f"batch_size up to {len(split.train)}, the number of training frames",
            got=f"{batch_size}",
            fix="pass a smaller --batch-size (batch_size in a recipe or protocol), or add training scans",
        )


def check_structures(dataset: Dataset, split: HospitalSplit, structures: tuple[str, ...]) -> None:
    """Refuse structures that are none, doubled, or without a region among the training or the validation rows.

    Raises: InputError that names the structures of the dataset.
    """
    if not structures or len(set(structures)) != len(structures):
        raise InputError(
            expected="at least one structure, each once", got=", ".join(structures) or "none", fix="correct --roi"
        )
    for structure in structures:
        for name, rows in (("training", split.train), ("validation", split.val)):
            if not any(dataset.roi(row, structure) for row in rows):
                known = sorted({box.roi.structure for boxes in dataset.boxes.values() for box in boxes})
                raise InputError(
                    expected=f"boxes of {structure!r} among the {name} rows",
                    got=f"none; boxes.csv has {', '.join(known) or 'no boxes'}",
                    fix="name one of these as --roi, or in a study's structures",
                )


def refuse_shared_pictures(split: HospitalSplit, digests: Mapping[str, str]) -> None:
    """Refuse a split in which one picture stands on two sides, whatever its file or patient is called.

    `digests` maps each file to a digest of its pixels (`edge_nt.digests.sha256_pixels`).
    Raises: LeakageError that names the rows.
    """
    _refuse_shared(split, digests, "picture")


def refuse_seen_unused(split: HospitalSplit, digests: Mapping[str, str]) -> None:
    """Refuse to call rows unseen that were left unused when their patient or picture stands on a side that was used.

    `digests` as in `refuse_shared_pictures`. Raises: LeakageError that names the rows.
    """
    rows = (*split.train, *split.val, *split.held_out, *split.unused)
    unused = {row.file: f"unused {split.site_of(row)}" for row in split.unused}
    _refuse_shared(split, _patients(rows), "patient", unused)
    _refuse_shared(split, digests, "picture", unused)


def _refuse_shared(
    split: HospitalSplit, identity: Mapping[str, str], what: str, unused: Mapping[str, str] = MappingProxyType({})
) -> None:
    side_of = {row.file: "training" for row in split.train}
    side_of |= {row.file: "validation" for row in split.val}
    side_of |= {row.file: f"held-out {split.held_out_hospital}" for row in split.held_out}
    side_of |= unused
    first: dict[str, str] = {}
    clashes = []
    for file, side in side_of.items():
        other = first.setdefault(identity[file], file)
        if side_of[other] != side and not (file in unused and other in unused):
            clashes.append(f"{other} ({side_of[other]}) and {file} ({side})")
    if clashes:
        more = f"; and {len(clashes) - _MOST_NAMED} more" if len(clashes) > _MOST_NAMED else ""
        numbered = ", or, where hospitals number their own, patients their hospital's name before the number"
        raise LeakageError(
            expected=f"every {what} on one side of the split",
            got=f"the same {what} in {'; '.join(clashes[:_MOST_NAMED])}{more}",
            fix=f"give these rows one split value{numbered if what == 'patient' else ''}, or drop one of them from "
            "manifest.csv",
        )
