"""Preprocessed frames of a dataset, cached once as a memory-mapped uint8 array keyed by content and settings."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_nt.atomic import atomic_file
from edge_nt.cache_folder import cache_folder
from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.datasets.folder_entries import CACHE_FOLDER
from edge_nt.digests import sha256_file
from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Preprocess, letterbox

# Raised when decoding or preprocessing changes its result, so that old caches are not taken for new ones.
_FORMAT = 1


@dataclass(frozen=True)
class CachedFrames:
    """Frames uint8 (rows, H, W), memory-mapped, and the source sizes int32 (rows, 2) as (height, width) px."""

    frames: NDArray[np.uint8]
    sizes: NDArray[np.int32]


def cached_frames(
    dataset: Dataset,
    preprocess: Preprocess,
    on_frame: Callable[[], None] | None = None,
) -> CachedFrames:
    """Letterboxed frames of `dataset.rows`, in that order, decoded once and kept.

    They are kept in ``.edge-nt-cache`` of the dataset folder or, where that cannot be written, in the user's cache. The
    file's name is a digest of every image's bytes and of the settings: a changed image or setting makes a new file.
    `on_frame` is called once per decoded frame; it is not called where the cache exists.
    Raises: InputError when an image cannot be read, or the cache cannot be written.
    """
    digest = pictures_digest(dataset, preprocess)
    folder = _folder_of(dataset, digest)
    frames_path, sizes_path = _files(folder, digest)
    try:
        if not (frames_path.is_file() and sizes_path.is_file()):
            sizes = _write(frames_path, dataset, preprocess, on_frame)
            with atomic_file(sizes_path) as temporary:
                np.save(temporary, sizes)
    except OSError as error:
        raise InputError(
            expected=f"room to keep preprocessed frames in {folder}",
            got=f"{error.strerror or error}",
            fix="free space there or make it writable, or name another folder as EDGE_NT_CACHE",
        ) from error
    return CachedFrames(
        np.load(frames_path, mmap_mode="r", allow_pickle=False), np.load(sizes_path, allow_pickle=False)
    )


def pictures_digest(dataset: Dataset, preprocess: Preprocess) -> str:
    """32 hexadecimal digits that change with any image's bytes, the order of rows, or a setting of `preprocess`.

    Raises: InputError when an image is missing or cannot be read.
    """
    for row in dataset.rows:
        if not dataset.path(row).is_file():
            raise InputError(
                expected=f"the image {row.file} of manifest.csv",
                got=f"no file {dataset.path(row)}",
                fix=f"restore it; `edge-nt data check {dataset.root}` lists every problem",
            )
    try:
        with ThreadPoolExecutor() as pool:
            digests = list(pool.map(lambda row: sha256_file(dataset.path(row)), dataset.rows))
    except OSError as error:
        raise InputError(
            expected="images that can be read", got=f"{error.filename}: {error.strerror}", fix="mend its permissions"
        ) from error
    settings = json.dumps([_FORMAT, asdict(preprocess), digests], sort_keys=True)
    return hashlib.sha256(settings.encode()).hexdigest()[:32]


def _files(folder: Path, digest: str) -> tuple[Path, Path]:
    return folder / f"{digest}.npy", folder / f"{digest}.sizes.npy"


def _folder_of(dataset: Dataset, digest: str) -> Path:
    beside = dataset.root / CACHE_FOLDER
    if all(path.is_file() for path in _files(beside, digest)):
        return beside
    try:
        beside.mkdir(exist_ok=True)
        writable = os.access(beside, os.W_OK)
    except OSError:  # A read-only mount, or somebody else's share.
        writable = False
    try:
        return beside if writable else cache_folder() / "frames"
    except RuntimeError as error:
        raise InputError(
            expected=f"a place for preprocessed frames, in {dataset.root} or in the user's cache",
            got="neither a folder that can be written to nor a home",
            fix="name a folder as EDGE_NT_CACHE",
        ) from error


def _write(
    path: Path, dataset: Dataset, preprocess: Preprocess, on_frame: Callable[[], None] | None
) -> NDArray[np.int32]:
    def prepare(row: Row) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
        pixels = decode_image(dataset.path(row)).pixels
        return letterbox(pixels, preprocess), pixels.shape

    shape = (len(dataset.rows), preprocess.height, preprocess.width)
    sizes = np.zeros((len(dataset.rows), 2), np.int32)
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape}
    # Not through a memory map: writing to that on a full disk is a bus error, which ends the process without a word.
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        with ThreadPoolExecutor() as pool:  # OpenCV decodes and resizes outside the interpreter lock
            for index, (frame, size) in enumerate(pool.map(prepare, dataset.rows)):
                file.write(frame.tobytes())
                sizes[index] = size
                if on_frame is not None:
                    on_frame()
        file.flush()
    return sizes
