import os
from collections.abc import Callable
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest
from finished_frames import finished, write_all

from edge_nt.runtime import Reconstructor, load
from edge_nt.sinks import frame_files
from edge_nt.sinks.pictures import Pictures


@pytest.fixture
def reconstructor(bundle_folder: Path) -> Reconstructor:
    return load(bundle_folder)


def test_a_run_gets_one_flat_folder(reconstructor: Reconstructor, tmp_path: Path) -> None:
    frame = finished(reconstructor, block_bundle.scan(1, 100, 150), "a/scan.png")
    said = write_all(Pictures(tmp_path), [frame, frame])
    assert [line["reconstruction"] for line in said] == [f"reconstructions/0000{n}-scan.png" for n in range(2)]
    for line in said:
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / line["reconstruction"]), 0), frame.picture)


def test_a_live_stream_gets_a_folder_every_ten_thousand_frames(reconstructor: Reconstructor, tmp_path: Path) -> None:
    frame = finished(reconstructor, block_bundle.scan(1, 100, 150), "camera")
    with Pictures(tmp_path, live=True) as sink:
        said = [sink.prepare(frame)(number)["reconstruction"] for number in (0, 9_999, 10_000, 2_600_000)]
    folders = ["00000000", "00000000", "00010000", "02600000"]
    assert [Path(each).parent.name for each in said] == folders
    assert all(cv2.imread(str(tmp_path / each), 0) is not None for each in said)
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("durable", [False, True])
def test_a_live_picture_that_cannot_be_finished_leaves_nothing(
    reconstructor: Reconstructor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    frame = finished(reconstructor, block_bundle.scan(1, 100, 150), "camera")
    with Pictures(tmp_path, live=True, durable=durable) as sink:
        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            sink.prepare(frame)(0)
    left = [path for path in (tmp_path / "reconstructions").rglob("*") if path.is_file()]
    assert left == []


# The names of both folders, then the file and its name.
@pytest.mark.parametrize(("durable", "synced"), [(False, 0), (True, 4)])
def test_only_durable_pictures_wait_for_the_disk(
    reconstructor: Reconstructor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    durable: bool,
    synced: int,
) -> None:
    calls: list[int] = []
    fsync: Callable[[int], None] = os.fsync
    monkeypatch.setattr(frame_files.os, "fsync", lambda handle: (calls.append(handle), fsync(handle)))
    write_all(Pictures(tmp_path, live=True, durable=durable), [finished(reconstructor, block_bundle.scan(1, 100, 150))])
    assert len(calls) == synced


@pytest.mark.parametrize("live", [False, True])
def test_a_name_as_long_as_names_may_be_costs_nothing(reconstructor: Reconstructor, tmp_path: Path, live: bool) -> None:
    name = "\N{GREEK SMALL LETTER ALPHA}" * 125 + ".png"
    (tmp_path / name).touch()
    frame = finished(reconstructor, block_bundle.scan(1, 100, 150), name)
    (said,) = write_all(Pictures(tmp_path, live=live), [frame])
    assert Path(said["reconstruction"]).name == "00000-" + "\N{GREEK SMALL LETTER ALPHA}" * 100 + ".png"
    assert (tmp_path / said["reconstruction"]).is_file()


def test_a_service_goes_on_behind_a_run_and_removes_what_has_no_line(
    reconstructor: Reconstructor, tmp_path: Path
) -> None:
    frame = finished(reconstructor, block_bundle.scan(1, 100, 150), "scan.png")
    write_all(Pictures(tmp_path), [frame])
    left = tmp_path / "reconstructions" / "00000000"
    left.mkdir()
    for name in ("00000.dcm", "00001.dcm", "00001-other.png"):
        (left / name).touch()
    with Pictures(tmp_path, live=True) as sink:
        sink.prepare(frame)(1)
    assert sorted(path.name for path in left.iterdir()) == ["00000.dcm", "00001-scan.png"]
    assert (tmp_path / "reconstructions" / "00000-scan.png").exists()
