"""Files as a source: one offer a frame, in order, and a broken file is one offer that says why."""

from pathlib import Path

import numpy as np
import pytest
from dicom_files import regions, tissue_region, write_cine
from scan_folders import save, scan
from video_files import moving_scans, write_video

from edge_nt.errors import InputError
from edge_nt.sources.files import FileSource


def test_every_frame_of_every_file_is_one_offer_in_order(tmp_path: Path) -> None:
    still = save(tmp_path / "a.png", scan(1))
    cine = write_cine(tmp_path / "b.dcm", [scan(seed) for seed in range(3)], FrameTime=40)
    video = write_video(tmp_path / "c.mkv", moving_scans(2))
    broken = tmp_path / "d.dcm"
    broken.write_bytes(cine.read_bytes()[:2000])
    source = FileSource([still, cine, broken, video, tmp_path / "gone.png"])
    offers = list(source.offers())
    names = [f"{still}", f"{cine}#1", f"{cine}#2", f"{cine}#3", f"{broken}", f"{video}#1", f"{video}#2"]
    assert [offer.name for offer in offers] == [*names, f"{tmp_path / 'gone.png'}"]
    places = [(offer.place.path, offer.place.frame, offer.place.frames) for offer in offers if offer.place]
    assert places == [
        (still, 0, 1),
        *((cine, i, 3) for i in range(3)),
        (broken, 0, 1),
        (video, 0, None),
        (video, 1, None),
    ]
    # In any order: workers take them at the same time.
    for index in (3, 1, 2):
        np.testing.assert_array_equal(offers[index].decode().pixels, scan(index - 1))
    assert [offer.taken_at_s - cine.stat().st_mtime for offer in offers[1:4]] == pytest.approx(
        [0, 0.04, 0.08], abs=1e-6
    )
    for index, words in ((4, "truncated"), (7, "no such file")):
        with pytest.raises(InputError, match=words):
            offers[index].decode()


def test_a_stopped_source_gives_no_further_frame_of_a_cine(tmp_path: Path) -> None:
    source = FileSource([write_cine(tmp_path / "a.dcm", [scan(0)] * 5)])
    offers = source.offers()
    next(offers)
    source.stop()
    assert list(offers) == []


def test_the_crop_reaches_the_frames(tmp_path: Path) -> None:
    path = write_cine(tmp_path / "a.dcm", [scan(0)] * 2, **regions(tissue_region(10, 20, 109, 69, 0.01)))
    shapes = [offer.decode().pixels.shape for offer in FileSource([path], crop="region").offers()]
    assert shapes == [(50, 100)] * 2


def test_only_the_frame_that_is_asked_for_is_taken_from_a_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", moving_scans(4))
    offers = FileSource([path]).offers()
    first = next(offers).decode()
    path.unlink()
    # The file is open: what follows is read from it as it is asked for.
    assert [offer.place.frame for offer in offers if offer.place] == [1, 2, 3]
    assert first.source.endswith("a.avi#1")
