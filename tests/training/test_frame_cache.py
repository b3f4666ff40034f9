"""The frame cache: equal to the cart's preprocessing, keyed by content and settings, whole or absent."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_nt.datasets.dataset import read_dataset
from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Preprocess, letterbox
from edge_nt.training.frame_cache import cached_frames


@pytest.fixture
def own_phantoms(phantoms: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(phantoms, tmp_path / "own"))


def test_cached_frames_are_those_of_a_live_frame_to_the_bit(phantoms: Path, tmp_path: Path) -> None:
    dataset = read_dataset(phantoms)
    cached = cached_frames(dataset, Preprocess(), tmp_path)
    for index in (0, 7, len(dataset.rows) - 1):
        pixels = decode_image(dataset.path(dataset.rows[index])).pixels
        np.testing.assert_array_equal(cached.frames[index], letterbox(pixels, Preprocess()))
        assert tuple(cached.sizes[index]) == pixels.shape


def test_a_second_call_decodes_nothing(phantoms: Path, tmp_path: Path) -> None:
    dataset, decoded = read_dataset(phantoms), []
    first = cached_frames(dataset, Preprocess(), tmp_path, lambda: decoded.append(1))
    assert len(decoded) == len(dataset.rows)
    second = cached_frames(dataset, Preprocess(), tmp_path, lambda: decoded.append(1))
    assert len(decoded) == len(dataset.rows)
    np.testing.assert_array_equal(first.frames, second.frames)


@pytest.mark.parametrize("change", ["settings", "content"])
def test_another_setting_or_a_changed_image_makes_another_cache(
    own_phantoms: Path, tmp_path: Path, change: str
) -> None:
    dataset = read_dataset(own_phantoms)
    before = cached_frames(dataset, Preprocess(), tmp_path)
    if change == "content":
        shutil.copy(dataset.path(dataset.rows[0]), dataset.path(dataset.rows[1]))
    after = cached_frames(dataset, Preprocess(mask_overlays=change == "settings"), tmp_path)
    assert not np.array_equal(before.frames[1], after.frames[1])


def test_a_broken_image_leaves_no_cache(own_phantoms: Path, tmp_path: Path) -> None:
    dataset = read_dataset(own_phantoms)
    dataset.path(dataset.rows[3]).write_bytes(b"not an image")
    with pytest.raises(InputError, match=Path(dataset.rows[3].file).name):
        cached_frames(dataset, Preprocess(), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_missing_image_is_named(own_phantoms: Path, tmp_path: Path) -> None:
    dataset = read_dataset(own_phantoms)
    dataset.path(dataset.rows[3]).unlink()
    with pytest.raises(InputError, match="edge-nt data check"):
        cached_frames(dataset, Preprocess(), tmp_path / "cache")
