import threading
import time
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest

from edge_nt.errors import InputError
from edge_nt.sources.files import FileSource
from edge_nt.sources.replay import ReplaySettings, ReplaySource
from edge_nt.sources.source import Offer


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), block_bundle.scan(number))
    return paths


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 50, (64, 48))
    for number in range(5):
        writer.write(np.full((48, 64, 3), 40 * number, np.uint8))
    writer.release()
    return path


def due_s(offers: list[Offer]) -> list[float]:
    return [offer.clock_s - offers[0].clock_s for offer in offers]


def test_frames_come_when_they_are_due_and_a_late_taker_shifts_none(scans: list[Path]) -> None:
    source = ReplaySource(FileSource(scans), ReplaySettings(fps=50, speed=2, rounds=5))
    offers = []
    for offer in source.offers():
        assert time.perf_counter() >= offer.clock_s
        offers.append(offer)
        if len(offers) == 5:
            time.sleep(0.06)
    assert len(offers) == 20
    assert due_s(offers) == pytest.approx([number / 100 for number in range(20)])
    taken = [offer.taken_at_s - offers[0].taken_at_s for offer in offers]
    assert taken == pytest.approx(due_s(offers), abs=1e-4)
    assert abs(offers[-1].taken_at_s - time.time()) < 0.1
    assert [Path(offer.name).stem for offer in offers] == [*"0123"] * 5
    assert source.live
    assert all(offer.place is None for offer in offers)
    np.testing.assert_array_equal(offers[5].decode().pixels, block_bundle.scan(1))


def test_a_video_has_its_own_times_round_after_round_and_file_after_file(clip: Path) -> None:
    source = ReplaySource(FileSource([clip, clip]), ReplaySettings(rounds=2, speed=4))
    offers = list(source.offers())
    assert due_s(offers) == pytest.approx([number / 200 for number in range(20)], abs=1e-5)


def test_a_duration_ends_an_endless_replay(scans: list[Path]) -> None:
    source = ReplaySource(FileSource(scans), ReplaySettings(fps=100, rounds=None, duration_s=0.105))
    assert len(list(source.offers())) == 11


def test_frames_kept_in_memory_are_decoded_once_and_the_broken_ones_stay_broken(scans: list[Path]) -> None:
    scans[1].write_bytes(b"no picture")
    source = ReplaySource(FileSource(scans), ReplaySettings(fps=1000, rounds=2, memory_bytes=1 << 20))
    offers = list(source.offers())
    assert offers[0].decode() is offers[4].decode()
    assert not offers[0].decode().pixels.flags.writeable
    for offer in (offers[1], offers[5]):
        with pytest.raises(InputError, match=r"1\.png"):
            offer.decode()


def test_more_pixels_than_allowed_no_times_and_no_frames_are_refused(scans: list[Path], tmp_path: Path) -> None:
    settings = ReplaySettings(fps=30, memory_bytes=2 * block_bundle.HEIGHT * block_bundle.WIDTH)
    with pytest.raises(InputError, match=r"by frame 3, .*2\.png"):
        list(ReplaySource(FileSource(scans), settings).offers())
    with pytest.raises(InputError, match="give a rate"):
        list(ReplaySource(FileSource(scans), ReplaySettings()).offers())
    with pytest.raises(InputError, match="give a rate"):
        list(ReplaySource(FileSource(scans[:1]), ReplaySettings(rounds=2)).offers())
    with pytest.raises(InputError, match="recording with frames"):
        list(ReplaySource(FileSource([]), ReplaySettings(fps=30, rounds=None)).offers())


@pytest.mark.parametrize(
    "settings", [{"fps": 0}, {"speed": -1}, {"rounds": 0}, {"duration_s": float("nan")}, {"memory_bytes": 0}]
)
def test_odd_settings_are_refused(settings: dict) -> None:
    with pytest.raises(InputError, match="above 0"):
        ReplaySettings(**settings)


def test_it_stops_while_it_waits_for_a_frame(scans: list[Path]) -> None:
    source = ReplaySource(FileSource(scans), ReplaySettings(fps=0.01))
    offers: list[Offer] = []
    thread = threading.Thread(target=lambda: offers.extend(source.offers()))
    thread.start()
    time.sleep(0.1)
    start_s = time.monotonic()
    source.stop()
    thread.join()
    assert time.monotonic() - start_s < 0.5
    assert len(offers) <= 1


def test_a_video_that_was_cut_off_is_one_broken_frame_and_the_next_file_follows(clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.avi"
    writer = cv2.VideoWriter(str(cut), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 50, (64, 48))
    for number in range(9):
        writer.write(np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8))
    writer.release()
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 3 // 4])
    offers = list(ReplaySource(FileSource([cut, clip]), ReplaySettings(speed=4)).offers())
    broken = len(offers) - 6
    assert broken > 2
    assert due_s(offers) == pytest.approx([number / 200 for number in range(len(offers))], abs=1e-5)
    assert [Path(offer.name).stem for offer in offers] == ["cut"] * (broken + 1) + ["clip"] * 5
    with pytest.raises(InputError, match="video"):
        offers[broken].decode()
