"""Preprocessed frames of a dataset, cached once as a memory-mapped uint8 array keyed by content and settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_nt.atomic import atomic_file
from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.digests import sha256_file
from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Preprocess, letterbox

# Beside the images, so that it moves and goes with them.
CACHE_FOLDER = ".edge-nt-cache"
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
    cache_dir: Path,
    on_frame: Callable[[], None] | None = None,
) -> CachedFrames:
    """Letterboxed frames of `dataset.rows`, in that order, decoded once and kept in `cache_dir`.

    The cache file's name is a digest of every image's bytes and of the settings: a changed image or setting makes
    a new file. `on_frame` is called once per decoded frame; it is not called where the cache exists.
    Raises: InputError when an image cannot be read.
    """
    key = _key(dataset, preprocess)
    frames_path, sizes_path = cache_dir / f"{key}.npy", cache_dir / f"{key}.sizes.npy"
    if not (frames_path.is_file() and sizes_path.is_file()):
        sizes = _write(frames_path, dataset, preprocess, on_frame)
        with atomic_file(sizes_path) as temporary:
            np.save(temporary, sizes)
    return CachedFrames(
        np.load(frames_path, mmap_mode="r", allow_pickle=False), np.load(sizes_path, allow_pickle=False)
    )


def _key(dataset: Dataset, preprocess: Preprocess) -> str:
    for row in dataset.rows:
        if not dataset.path(row).is_file():
            raise InputError(
                expected=f"the image {row.file} of manifest.csv",
                got=f"no file {dataset.path(row)}",
                fix=f"restore it; `edge-nt data check {dataset.root}` lists every problem",
            )
    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(lambda row: sha256_file(dataset.path(row)), dataset.rows))
    settings = json.dumps([_FORMAT, asdict(preprocess), digests], sort_keys=True)
    return hashlib.sha256(settings.encode()).hexdigest()[:32]


def _write(
    path: Path, dataset: Dataset, preprocess: Preprocess, on_frame: Callable[[], None] | None
) -> NDArray[np.int32]:
    def prepare(row: Row) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
        pixels = decode_image(dataset.path(row)).pixels
        return letterbox(pixels, preprocess), pixels.shape

    shape = (len(dataset.rows), preprocess.height, preprocess.width)
    sizes = np.zeros((len(dataset.rows), 2), np.int32)
    with atomic_file(path) as temporary:
        frames = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        with ThreadPoolExecutor() as pool:  # OpenCV decodes and resizes outside the interpreter lock
            for index, (frame, size) in enumerate(pool.map(prepare, dataset.rows)):
                frames[index], sizes[index] = frame, size
                if on_frame is not None:
                    on_frame()
        frames.flush()
        del frames
    return sizes
