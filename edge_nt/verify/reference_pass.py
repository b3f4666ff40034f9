"""The reference through a dataset, once for every candidate that is compared with it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

from edge_nt.bundle.manifest import BundleManifest
from edge_nt.bundle.read import Bundle
from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.datasets.site import in_site, known_sites
from edge_nt.digests import sha256_pixels
from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.verify.frame_comparison import ReferenceFrame, reference_frame

SOURCE_VALIDATION = "source validation"


@dataclass(frozen=True, eq=False)
class ReferencePass:
    """Each frame of source validation, and of the held-out hospital unless left out, through the reference.

    A frame takes 0.4 MB at 192×256.
    """

    bundle: Bundle
    dataset: Dataset
    frames: tuple[ReferenceFrame, ...]

    @cached_property
    def pixel_sha256(self) -> dict[str, str]:
        """SHA-256 of the pixels of every judged file and of every file of the bundle's sources; no other is opened."""
        sources, judged = self.bundle.manifest.source_hospitals, {frame.row.file for frame in self.frames}
        chosen = (row.file in judged or any(in_site(site, row) for site in sources) for row in self.dataset.rows)
        rows = list(compress(self.dataset.rows, chosen))
        with ThreadPoolExecutor() as pool:  # OpenCV decodes outside the interpreter lock
            digests = pool.map(lambda row: sha256_pixels(decode_image(self.dataset.path(row)).pixels), rows)
            return {row.file: digest for row, digest in zip(rows, digests, strict=True)}


def pass_reference(
    reference: Reconstructor,
    dataset: Dataset,
    *,
    held_out: bool = True,
    on_frame: Callable[[int, int], None] | None = None,
) -> ReferencePass:
    """Run the rows that candidates are judged on; without `held_out` no frame of that hospital is even opened.

    `on_frame` is called with the frames done and their total.
    Raises: InputError as `rows_to_judge` does, or when a frame cannot be decoded.
    """
    manifest = reference.bundle.manifest
    rows = rows_to_judge(dataset, manifest, held_out=held_out)
    done: list[ReferenceFrame] = []
    for row in rows:
        done.append(reference_frame(dataset, row, manifest.structure, reference))
        if on_frame is not None:
            on_frame(len(done), len(rows))
    return ReferencePass(reference.bundle, dataset, tuple(done))


def rows_to_judge(dataset: Dataset, manifest: BundleManifest, *, held_out: bool = True) -> list[Row]:
    """The rows of source validation, and of the held-out hospital unless left out.

    Raises: InputError when a group has no rows, or none with a box of the bundle's structure, or when phantoms are to
    stand for scans or the other way round.
    """
    if dataset.synthetic != manifest.synthetic:
        kinds = {True: "SYNTHETIC phantoms", False: "scans"}
        raise InputError(
            expected=f"{kinds[manifest.synthetic]}, as the bundle was trained on",
            got=f"{kinds[dataset.synthetic]} in {dataset.root}",
            fix="verify on the dataset that the bundle's run was split from",
        )
    groups = {
        SOURCE_VALIDATION: [
            row
            for row in dataset.rows
            if row.split == "val" and any(in_site(site, row) for site in manifest.source_hospitals)
        ]
    }
    if held_out:
        name = f"held-out site {manifest.held_out_hospital}"
        groups[name] = [row for row in dataset.rows if in_site(manifest.held_out_hospital, row)]
    for name, rows in groups.items():
        _check(name, rows, dataset, manifest.structure)
    return [row for rows in groups.values() for row in rows]


def _check(name: str, rows: list[Row], dataset: Dataset, structure: str) -> None:
    if not rows:
        raise InputError(
            expected=f"rows of {name} in {dataset.root}",
            got=f"none among {', '.join(known_sites(dataset.rows))}",
            fix="verify on the dataset that the bundle's run was split from",
        )
    if not any(dataset.roi(row, structure) for row in rows):
        raise InputError(
            expected=f"boxes of {structure} on rows of {name} in {dataset.root}",
            got="none",
            fix="add them to boxes.csv, or verify on a dataset that has them",
        )
