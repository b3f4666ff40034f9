"""A watched folder: which files it takes, which it passes over, and what becomes of folders that go away."""

import os
import time
from pathlib import Path

import block_bundle
import pytest
from pydicom.data import get_testdata_file
from taken_files import PNG, POLLED, QUICK, watching

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.sources.file_ledger import FileLedger
from edge_nt.sources.watched_folder import WatchedFolder, WatchSettings


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
