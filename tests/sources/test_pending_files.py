"""A file is taken once it is whole; one that stays broken, or cannot be judged, is not waited for without end."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom.data import get_testdata_file
from taken_files import PNG, POLLED, QUICK, watching

from edge_nt.sources import pending_files
from edge_nt.sources.watched_folder import WatchSettings


@pytest.mark.parametrize("settings", [QUICK, pytest.param(POLLED, marks=pytest.mark.slow)])
def test_a_file_is_taken_only_when_it_is_whole(inbox: Path, settings: WatchSettings) -> None:
    with watching(inbox, settings) as taken, (inbox / "slow.png").open("wb", buffering=0) as file:
        for start in range(0, len(PNG), len(PNG) // 3 + 1):
            file.write(PNG[start : start + len(PNG) // 3 + 1])
            time.sleep(0.25)  # Longer than it takes to settle: only the container tells that more will come.
            if file.tell() < len(PNG):
                assert not taken.offers
        taken.wait_for(1)
    assert not taken.errors


def test_a_file_that_stays_broken_is_one_failure_until_it_changes(inbox: Path) -> None:
    (inbox / "cut.png").write_bytes(PNG[:-40])
    (inbox / "empty.png").touch()
    (inbox / "good.png").write_bytes(PNG)
    with watching(inbox) as taken:
        taken.wait_for(3)
        assert taken.names == ["good.png", "cut.png", "empty.png"]
        time.sleep(0.6)
        assert len(taken.offers) == 3
        assert sorted(taken.errors) == ["cut.png", "empty.png"]
        assert "cut.png" in taken.errors["cut.png"]
        taken.errors.clear()
        (inbox / "cut.png").write_bytes(PNG)
        taken.wait_for(4)
    assert taken.names[3] == "cut.png"
    assert not taken.errors


def test_a_file_without_suffix_that_cannot_be_read_at_first_is_looked_at_again(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[Path] = []

    def refused_once(path: Path) -> bool:
        if len(refused) < 1:
            refused.append(path)
            raise PermissionError(13, "Permission denied", str(path))
        return is_dicom(path)

    is_dicom = pending_files._is_dicom
    monkeypatch.setattr(pending_files, "_is_dicom", refused_once)
    (inbox / "IM000001").write_bytes(Path(get_testdata_file("CT_small.dcm")).read_bytes())
    with watching(inbox, POLLED) as taken:
        taken.wait_for(1)
    assert taken.names == ["IM000001"]
    assert len(refused) == 1


def test_a_file_that_breaks_whoever_judges_whether_it_is_whole_is_left_to_the_guarded_door(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(_path: Path) -> None:
        raise MemoryError

    monkeypatch.setattr(pending_files, "why_not_whole", no_memory)
    (inbox / "a.png").write_bytes(PNG)
    with watching(inbox, POLLED) as taken:
        taken.wait_for(1)
    assert taken.names == ["a.png"]


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_a_video_is_taken_when_its_container_ends(inbox: Path, tmp_path: Path, suffix: str) -> None:
    clip = tmp_path / f"clip{suffix}"
    fourcc = cv2.VideoWriter.fourcc(*("mp4v" if suffix == ".mp4" else "MJPG"))
    writer = cv2.VideoWriter(str(clip), cv2.CAP_FFMPEG, fourcc, 25, (64, 48))
    for number in range(6):
        writer.write(np.full((48, 64, 3), 40 * number, np.uint8))
    writer.release()
    content = clip.read_bytes()
    with watching(inbox) as taken, (inbox / f"v{suffix}").open("wb", buffering=0) as file:
        file.write(content[:-200])
        time.sleep(0.3)
        assert not taken.offers
        file.write(content[-200:])
        taken.wait_for(6)
        time.sleep(0.1)
    assert not taken.errors
    places = [offer.place for offer in taken.offers if offer.place is not None]
    assert [place.frame for place in places] == list(range(6))
    assert places[-1].frames == 6
