import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest
from pydicom.data import get_testdata_file

from edge_nt.errors import EdgeNtError, InputError, MissingDependencyError
from edge_nt.sources import pending_files
from edge_nt.sources.file_ledger import FileLedger
from edge_nt.sources.source import FilePlace, Offer
from edge_nt.sources.watched_folder import WatchedFolder, WatchSettings

QUICK = WatchSettings(settle_s=0.08, give_up_s=0.45, scan_s=60.0)
POLLED = WatchSettings(settle_s=0.08, give_up_s=0.45, poll_s=0.05)
PNG = cv2.imencode(".png", block_bundle.scan(1))[1].tobytes()


@dataclass
class Taken:
    """What came out of a watched folder, gathered by a thread."""

    folder: Path
    offers: list[Offer] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [Path(offer.name).relative_to(self.folder).as_posix() for offer in self.offers]

    def add(self, offer: Offer) -> None:
        try:
            offer.decode()
        except EdgeNtError as error:
            self.errors[Path(offer.name).name] = str(error)
        self.offers.append(offer)

    def wait_for(self, count: int, timeout_s: float = 5.0) -> None:
        until_s = time.monotonic() + timeout_s
        while len(self.offers) < count and time.monotonic() < until_s:
            time.sleep(0.01)
        assert len(self.offers) >= count, self.names


@contextmanager
def watching(
    folder: Path, settings: WatchSettings = QUICK, done: Callable[[FilePlace], bool] = lambda place: False
) -> Iterator[Taken]:
    source, taken = WatchedFolder(folder, done, settings), Taken(folder)
    thread = threading.Thread(target=lambda: [taken.add(offer) for offer in source.offers()])
    thread.start()
    try:
        yield taken
    finally:
        source.stop()
        stopped_s = time.monotonic()
        thread.join(5)
        assert time.monotonic() - stopped_s < 0.5


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.mark.parametrize("settings", [QUICK, pytest.param(POLLED, marks=pytest.mark.slow)])
def test_files_that_are_there_and_files_that_come_are_taken_once_each(inbox: Path, settings: WatchSettings) -> None:
    for name in ("b.png", "a.png", "deep/er/c.png"):
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(PNG)
    with watching(inbox, settings) as taken:
        taken.wait_for(3)
        assert taken.names == ["a.png", "b.png", "deep/er/c.png"]
        (inbox / "new").mkdir()
        (inbox / "new" / "d.png").write_bytes(PNG)
        (inbox / "e.part").write_bytes(PNG)
        (inbox / "e.part").rename(inbox / "e.png")
        os.utime(inbox / "a.png", ns=(1, 2 * 10**18))
        taken.wait_for(6)
        time.sleep(0.3)
    assert sorted(taken.names[3:]) == ["a.png", "e.png", "new/d.png"]
    assert not taken.errors
    assert taken.offers[0].place is not None
    assert taken.offers[0].place.size_bytes == len(PNG)


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


def test_temporary_names_links_and_what_is_no_image_are_passed_over(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.png").write_bytes(PNG)
    names = (
        ".hidden.png",
        "a.png.part",
        "b.png.tmp",
        "c.png~",
        "~d.png",
        ".edge-nt-partial-e.png",
        ".git/f.png",
        "n.txt",
    )
    for name in names:
        (inbox / name).parent.mkdir(exist_ok=True)
        (inbox / name).write_bytes(PNG)
    (inbox / "link.png").symlink_to(tmp_path / "outside" / "x.png")
    (inbox / "folder").symlink_to(tmp_path / "outside")
    os.mkfifo(inbox / "fifo.png")
    with watching(inbox) as taken:
        (tmp_path / "outside" / "y.png").write_bytes(PNG)
        (inbox / ".git" / "g.png").write_bytes(PNG)
        (inbox / "last.png").write_bytes(PNG)
        taken.wait_for(1)
        time.sleep(0.3)
    assert taken.names == ["last.png"]


def test_results_that_are_written_below_the_folder_are_no_frames(inbox: Path) -> None:
    (inbox / "out" / "reconstructions").mkdir(parents=True)
    (inbox / "out" / "results.jsonl").touch()
    (inbox / "out" / "reconstructions" / "0.png").write_bytes(PNG)
    with watching(inbox) as taken:
        (inbox / "a.png").write_bytes(PNG)
        taken.wait_for(1)
        (inbox / "out" / "reconstructions" / "1.png").write_bytes(PNG)
        time.sleep(0.4)
        # Lines are renamed from time to time, and for that moment are not there.
        (inbox / "out" / "writer.lock").touch()
        (inbox / "out" / "results.jsonl").rename(inbox / "out" / "results-0000000000.jsonl")
        (inbox / "out" / "reconstructions" / "2.png").write_bytes(PNG)
        time.sleep(0.4)
    assert taken.names == ["a.png"]
    for mark in ("writer.lock", "frames.jsonl"):  # of a service, and of decoded latents
        (inbox / mark).mkdir()
        (inbox / mark / mark).touch()
        with pytest.raises(InputError, match="no results are written to"):
            next(WatchedFolder(inbox / mark, lambda place: False).offers())


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


def test_dicom_without_a_suffix_is_taken_frame_by_frame_and_goes_on_where_it_was(inbox: Path) -> None:
    (inbox / "1.2.840.10008").write_bytes(Path(get_testdata_file("examples_ybr_color.dcm")).read_bytes())
    ledger = FileLedger()
    with watching(inbox, done=lambda place: place in ledger) as taken:
        taken.wait_for(30)
    places = [offer.place for offer in taken.offers if offer.place is not None]
    assert [(place.frame, place.frames) for place in places] == [(frame, 30) for frame in range(30)]
    ledger.add(places[0])
    ledger.add(places[1])
    with watching(inbox, done=lambda place: place in ledger) as again:
        again.wait_for(28)
        time.sleep(0.2)
    assert [offer.place.frame for offer in again.offers if offer.place is not None] == list(range(2, 30))


def test_what_is_done_is_passed_over_until_it_is_written_again(inbox: Path) -> None:
    (inbox / "a.png").write_bytes(PNG)
    ledger = FileLedger()
    with watching(inbox, done=lambda place: place in ledger) as taken:
        taken.wait_for(1)
        assert taken.offers[0].place is not None
        ledger.add(taken.offers[0].place)
    with watching(inbox, done=lambda place: place in ledger) as again:
        (inbox / "b.png").write_bytes(PNG)
        again.wait_for(1)
        assert again.names == ["b.png"]
        (inbox / "a.png").write_bytes(PNG + b"more")
        again.wait_for(2)
    assert again.names == ["b.png", "a.png"]


def test_a_file_that_goes_or_changes_before_it_is_read_is_named(inbox: Path) -> None:
    for name in ("a.png", "b.png"):
        (inbox / name).write_bytes(PNG)
    source = WatchedFolder(inbox, lambda place: False, QUICK)
    offers = source.offers()
    gone, changed = next(offers), next(offers)
    (inbox / "a.png").unlink()
    (inbox / "b.png").write_bytes(PNG + b"x")
    with pytest.raises(InputError, match=r"a\.png: no such file"):
        gone.decode()
    with pytest.raises(InputError, match=r"b\.png, which was written again"):
        changed.decode()
    again = next(offers)
    assert again.name == str(inbox / "b.png")
    assert again.decode().pixels.shape == (block_bundle.HEIGHT, block_bundle.WIDTH)
    source.stop()
    assert list(offers) == []


def test_a_folder_that_goes_away_is_waited_for(inbox: Path, caplog: pytest.LogCaptureFixture) -> None:
    with watching(inbox) as taken:
        (inbox / "a.png").write_bytes(PNG)
        taken.wait_for(1)
        inbox.rename(inbox.with_name("unplugged"))
        time.sleep(0.4)
        inbox.mkdir()
        (inbox / "b.png").write_bytes(PNG)
        taken.wait_for(2)
    assert taken.names == ["a.png", "b.png"]
    assert [record.message.split("inbox ")[-1][:14] for record in caplog.records] == ["cannot be read", "is back"]


def test_a_subfolder_that_cannot_be_read_is_said_once_and_costs_only_itself(
    inbox: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.png", "denied/2.png", "gone/3.png", "z/4.png"):
        (inbox / name).parent.mkdir()
        (inbox / name).write_bytes(PNG)
    scandir = os.scandir

    # Tests may run as root, to whom nothing is denied.
    def refusing(path: str) -> object:
        if Path(path).name in ("denied", "gone"):
            kind = PermissionError if Path(path).name == "denied" else FileNotFoundError
            raise kind(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with watching(inbox, POLLED) as taken:
        taken.wait_for(2)
        time.sleep(0.2)
    assert taken.names == ["a/1.png", "z/4.png"]
    assert [record.message for record in caplog.records] == [
        f"{inbox / 'denied'} cannot be read, and is passed over: Permission denied"
    ]


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


def test_a_missing_folder_missing_package_and_odd_times_are_refused(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="no folder"):
        WatchedFolder(inbox / "none", lambda place: False)
    with pytest.raises(InputError, match="times above 0"):
        WatchSettings(settle_s=0)
    with pytest.raises(InputError, match="giving up no sooner"):
        WatchSettings(settle_s=5, give_up_s=1)
    monkeypatch.setitem(__import__("sys").modules, "watchfiles", None)
    with pytest.raises(MissingDependencyError, match=r"edge-nt\[cart\]"):
        next(WatchedFolder(inbox, lambda place: False, QUICK).offers())


def test_a_folder_is_the_same_from_wherever_it_is_named(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(inbox)
    assert WatchedFolder(Path("../inbox"), lambda place: False).name == f"folder {inbox.resolve()}"
