"""The frame cache: equal to the cart's preprocessing, keyed by content and settings, whole or absent."""

import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_nt.datasets.dataset import read_dataset
from edge_nt.datasets.folder_entries import CACHE_FOLDER
from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Preprocess, letterbox
from edge_nt.training.frame_cache import cached_frames


@pytest.fixture
def own_phantoms(phantoms: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(phantoms, tmp_path / "own", ignore=shutil.ignore_patterns(".edge-nt-cache")))


def test_cached_frames_are_those_of_a_live_frame_to_the_bit(own_phantoms: Path) -> None:
    dataset = read_dataset(own_phantoms)
    cached = cached_frames(dataset, Preprocess())
    for index in (0, 7, len(dataset.rows) - 1):
        pixels = decode_image(dataset.path(dataset.rows[index])).pixels
        np.testing.assert_array_equal(cached.frames[index], letterbox(pixels, Preprocess()))
        assert tuple(cached.sizes[index]) == pixels.shape


def test_a_second_call_decodes_nothing(own_phantoms: Path) -> None:
    dataset, decoded = read_dataset(own_phantoms), []
    first = cached_frames(dataset, Preprocess(), lambda: decoded.append(1))
    assert len(decoded) == len(dataset.rows)
    second = cached_frames(dataset, Preprocess(), lambda: decoded.append(1))
    assert len(decoded) == len(dataset.rows)
    np.testing.assert_array_equal(first.frames, second.frames)


@pytest.mark.parametrize("change", ["settings", "content"])
def test_another_setting_or_a_changed_image_makes_another_cache(own_phantoms: Path, change: str) -> None:
    dataset = read_dataset(own_phantoms)
    before = cached_frames(dataset, Preprocess())
    if change == "content":
        shutil.copy(dataset.path(dataset.rows[0]), dataset.path(dataset.rows[1]))
    after = cached_frames(dataset, Preprocess(mask_overlays=change == "settings"))
    assert not np.array_equal(before.frames[1], after.frames[1])


def test_a_broken_image_leaves_no_cache(own_phantoms: Path) -> None:
    dataset = read_dataset(own_phantoms)
    dataset.path(dataset.rows[3]).write_bytes(b"not an image")
    with pytest.raises(InputError, match=Path(dataset.rows[3].file).name):
        cached_frames(dataset, Preprocess())
    assert not list((own_phantoms / ".edge-nt-cache").iterdir())


def test_a_missing_image_is_named(own_phantoms: Path) -> None:
    dataset = read_dataset(own_phantoms)
    dataset.path(dataset.rows[3]).unlink()
    with pytest.raises(InputError, match="edge-nt data check"):
        cached_frames(dataset, Preprocess())


def test_frames_of_a_dataset_that_cannot_grow_are_kept_in_the_users_cache(
    own_phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_phantoms / ".edge-nt-cache").write_text("no folder can be made here, as on a read-only mount")
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "cache"))
    dataset = read_dataset(own_phantoms)
    cached = cached_frames(dataset, Preprocess())
    assert len(cached.frames) == len(dataset.rows)
    assert {path.suffix for path in (tmp_path / "cache" / "frames").iterdir()} == {".npy"}


def test_a_cache_on_a_read_only_share_is_used_where_it_lies(
    own_phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, decoded = read_dataset(own_phantoms), []
    cached_frames(dataset, Preprocess())
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("edge_nt.training.frame_cache.os.access", lambda _path, _mode: False)
    cached_frames(dataset, Preprocess(), lambda: decoded.append(1))
    assert not decoded
    assert not (tmp_path / "cache").exists()


def test_no_place_for_frames_is_one_line(own_phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for taken in (own_phantoms / ".edge-nt-cache", tmp_path / "cache"):
        taken.write_text("")
    monkeypatch.setenv("EDGE_NT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="EDGE_NT_CACHE"):
        cached_frames(read_dataset(own_phantoms), Preprocess())


def test_a_full_disk_is_one_line_and_leaves_nothing(own_phantoms: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # No file may grow beyond, as on a full disk.
    try:
        with pytest.raises(InputError, match="room to keep preprocessed frames"):
            cached_frames(read_dataset(own_phantoms), Preprocess())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((own_phantoms / CACHE_FOLDER).iterdir())
