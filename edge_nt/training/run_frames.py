"""The frames, rows and regions of a run, checked to be the ones it was prepared with: one door for every later step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_nt.datasets.dataset import Dataset, Row, read_dataset
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.datasets.hospital_split import HospitalSplit, refuse_shared_pictures, split_by_hospital
from edge_nt.digests import sha256_pixels
from edge_nt.errors import InputError, LeakageError
from edge_nt.imaging.letterbox import Preprocess, affine_for
from edge_nt.imaging.roi import Roi, refuse_leaving
from edge_nt.training.frame_cache import CachedFrames, cached_frames, pictures_digest
from edge_nt.training.run_folder import RunInfo


@dataclass(frozen=True)
class RunFrames:
    """A run's dataset, its split and the preprocessed frames of every row."""

    info: RunInfo
    dataset: Dataset
    split: HospitalSplit
    cached: CachedFrames


def read_run_frames(info: RunInfo, data_root: Path | None, on_frame: Callable[[], None] | None = None) -> RunFrames:
    """The dataset of a run, from `data_root` where it has moved; `on_frame` is called per frame that is decoded.

    Raises: InputError when the folder is no dataset; LeakageError when its rows or their sides are not the run's, or
    a picture stands on two sides of the split.
    """
    if data_root is None and not (Path(info.data_root) / "dataset.json").is_file():
        raise InputError(
            expected=f"the run's dataset where it was prepared, {info.data_root}",
            got="no dataset.json there",
            fix="name the folder as --data, or call from where the run was prepared",
        )
    dataset = read_dataset(Path(info.data_root) if data_root is None else data_root)
    split = split_by_hospital(dataset, info.held_out_hospital, info.sources)
    stated = {"training": info.train, "validation": info.val, "held-out": info.held_out}
    found = {"training": split.train, "validation": split.val, "held-out": split.held_out}
    for side, rows in found.items():
        _refuse_other_rows(dataset.root, side, stated[side], tuple(row.file for row in rows))
    cached = cached_frames(dataset, info.preprocess, on_frame)
    digests = {row.file: sha256_pixels(frame) for row, frame in zip(dataset.rows, cached.frames, strict=True)}
    refuse_shared_pictures(split, digests)
    return RunFrames(info, dataset, split, cached)


def used_pictures(dataset: Dataset, split: HospitalSplit, preprocess: Preprocess) -> str:
    """The digest of the pictures that a run uses; others may come and go. Raises: InputError as `pictures_digest`."""
    return pictures_digest(replace(dataset, rows=(*split.train, *split.val, *split.held_out)), preprocess)


def refuse_changed_data(source: RunFrames, *, tables: bool = True) -> None:
    """Refuse to go on with a training whose pictures, or `tables`, are not those that it was prepared with.

    Raises: InputError with the name of what changed.
    """
    info, root = source.info, source.dataset.root
    found = dataset_tables(root) if tables else {}
    changed = [name for name, digest in found.items() if info.tables.get(name, digest) != digest]
    if info.pictures not in ("", used_pictures(source.dataset, source.split, info.preprocess)):
        changed.append("pictures")
    if changed:
        raise InputError(
            expected=f"the data in {root} as they were when the run was prepared",
            got=f"other {', '.join(changed)}",
            fix="restore what changed, or train a new run (as another --out, or with this one removed)",
        )


def frames_of(source: RunFrames, rows: tuple[Row, ...]) -> NDArray[np.uint8]:
    """Preprocessed frames uint8 (N, H, W) of `rows`, in that order."""
    positions = _positions(source)
    return np.asarray(source.cached.frames[[positions[row.file] for row in rows]])


def network_rois(source: RunFrames, rows: tuple[Row, ...], *, every: bool = False) -> tuple[tuple[Roi, ...], ...]:
    """The regions of each of `rows` in network-input pixels: the first one of each of the run's structures, if any.

    `every` region of these structures for training, which takes them together.
    Raises: InputError for a region that leaves its image: beyond it lie letterbox bars, which are reconstructed all but
    perfectly and would flatter its errors.
    """
    structures = source.info.structures
    positions = _positions(source)
    rois = []
    for row in rows:
        height, width = (int(side) for side in source.cached.sizes[positions[row.file]])
        affine = affine_for(height, width, source.info.preprocess)
        boxes = source.dataset.boxes.get(row.file, ())
        found: list[Roi | None] = [box.roi for box in boxes if box.roi.structure in structures]
        if not every:
            found = [source.dataset.roi(row, structure) for structure in structures]
        for roi in found:
            if roi is not None:
                refuse_leaving(roi, height, width, f"{row.file} in {source.dataset.root / 'boxes.csv'}")
        rois.append(tuple(affine.to_network(roi) for roi in found if roi is not None))
    return tuple(rois)


def _positions(source: RunFrames) -> dict[str, int]:
    return {row.file: index for index, row in enumerate(source.dataset.rows)}


def _refuse_other_rows(root: Path, side: str, stated: tuple[str, ...], found: tuple[str, ...]) -> None:
    if stated == found:
        return
    strangers = sorted(set(stated) ^ set(found))
    raise LeakageError(
        expected=f"the {len(stated)} {side} rows that the run was made with, in {root / 'manifest.csv'}",
        got=f"{len(found)} rows" + (f"; {strangers[0]} differs" if strangers else " in another order"),
        fix="restore manifest.csv, or name the run's own dataset as --data",
    )
