"""The frames of every OOD protocol: unseen sites, folders, and graded corruptions of held-in validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_nt.datasets.dataset import Row
from edge_nt.datasets.hospital_split import refuse_seen_unused
from edge_nt.digests import sha256_pixels
from edge_nt.evaluation.ood_corruptions import CORRUPTIONS, Corruption
from edge_nt.evaluation.ood_evaluation import read_ood_folders
from edge_nt.evaluation.ood_result import Family
from edge_nt.training.run_frames import RunFrames, frames_of

Frames = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class FrameSet:
    """Preprocessed frames uint8 (N, H, W) of one protocol; `level` with its `unit` for a graded corruption."""

    name: str
    family: Family
    level: float | None
    unit: str
    frames: Frames


def frame_sets(source: RunFrames, folders: Mapping[str, Frames], seed: int) -> Iterator[FrameSet]:
    """Unseen sites, then folders, then corruptions, each made when it is asked for."""
    for site, rows in unseen_sites(source).items():
        yield FrameSet(site, "unseen site", None, "", frames_of(source, rows))
    for name, frames in folders.items():
        yield FrameSet(name, "folder", None, "", frames)
    held_in = frames_of(source, source.split.val)
    for corruption in CORRUPTIONS:
        for level in corruption.levels:
            frames = corrupted(held_in, corruption, level, seed)
            yield FrameSet(corruption.name, "corruption", corruption.stated(level), corruption.unit, frames)


def unseen_sites(source: RunFrames) -> dict[str, tuple[Row, ...]]:
    """The rows of the held-out site, and of every site that was neither trained on nor held out, by its name.

    Raises: LeakageError when a patient or picture of the latter was trained or validated on, or is held out.
    """
    split = source.split
    if split.unused:
        rows = (*split.train, *split.val, *split.held_out, *split.unused)
        frames = frames_of(source, rows)
        refuse_seen_unused(split, {row.file: sha256_pixels(frame) for row, frame in zip(rows, frames, strict=True)})
    sites = {split.held_out_hospital: split.held_out}
    for row in split.unused:
        sites[split.site_of(row)] = (*sites.get(split.site_of(row), ()), row)
    return sites


def read_folders(folders: Sequence[Path], source: RunFrames) -> dict[str, Frames]:
    """Frames of each folder as they are and, so that black bars alone cannot give them away, cropped to fill."""
    preprocess = source.info.preprocess
    whole, filled = (read_ood_folders(folders, preprocess, filled=fill) for fill in (False, True))
    return {title: frames for name in whole for title, frames in _both(name, whole[name], filled[name])}


def frame_count(source: RunFrames, folders: Mapping[str, Frames]) -> int:
    """How many frames one stage encodes: training and validation, and those of every set."""
    held_in = len(source.split.val)
    unseen = sum(len(rows) for rows in unseen_sites(source).values())
    graded = held_in * sum(len(corruption.levels) for corruption in CORRUPTIONS)
    return len(source.split.train) + held_in + unseen + sum(map(len, folders.values())) + graded


def corrupted(frames: Frames, corruption: Corruption, level: float, seed: int) -> Frames:
    """Frames uint8 (N, H, W) at one level; a frame's random part is the same at every level of a corruption."""
    kind = CORRUPTIONS.index(corruption)
    return np.stack(
        [corruption.apply(frame, level, np.random.default_rng([seed, kind, i])) for i, frame in enumerate(frames)]
    )


def _both(name: str, whole: Frames, filled: Frames) -> tuple[tuple[str, Frames], tuple[str, Frames]]:
    return (name, whole), (f"{name}, cropped to fill", filled)
