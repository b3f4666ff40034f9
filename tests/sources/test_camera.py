"""The read loop on real captures: files opened through OpenCV, since there is no camera here."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.frame import PixelBox
from edge_nt.sources import camera
from edge_nt.sources.camera import CameraSource
from edge_nt.sources.camera_device import CameraSettings, configure, open_device
from edge_nt.sources.source import Offer

COLOURS = [(250, 10, 10), (10, 250, 10), (10, 10, 250), (90, 90, 90)]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for colour in COLOURS:
        image = np.zeros((48, 64, 3), np.uint8)
        image[8:40, 16:48] = colour
        writer.write(image)
    writer.release()
    return path


def of_file(clip: Path) -> Callable[[CameraSettings], Any]:
    def opened(settings: CameraSettings) -> Any:
        capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise MissingDependencyError(expected="a device", got="none", fix="plug it in")
        configure(capture, settings)
        return capture

    return opened


def test_frames_come_in_order_cropped_gray_with_spacing_and_times(clip: Path) -> None:
    settings = CameraSettings("0", 64, 48, 25, "MJPG", PixelBox(8, 16, 40, 48), 0.25, reconnect_s=None)
    source = CameraSource(settings, of_file(clip))
    before_s, offers = time.time(), list[Offer]()
    with pytest.raises(MissingDependencyError, match=r"frames from /dev/video0.*after 4 frames"):
        offers.extend(source.offers())
    assert [offer.name for offer in offers] == [f"/dev/video0#{number}" for number in range(1, 5)]
    assert all(before_s <= offer.taken_at_s <= time.time() for offer in offers)
    assert sorted(offer.clock_s for offer in offers) == [offer.clock_s for offer in offers]
    for (blue, green, red), offer in zip(COLOURS, offers, strict=True):
        frame = offer.decode()
        assert (frame.pixels.shape, frame.mm_per_px) == ((32, 32), 0.25)
        luma = 0.114 * blue + 0.587 * green + 0.299 * red
        assert abs(float(frame.pixels[8:24, 8:24].mean()) - luma) < 6
    assert source.live
    assert source.name == "camera /dev/video0"


def test_a_lost_camera_is_opened_again_and_the_times_counted(
    clip: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_nt.sources.camera._FIRST_PAUSE_S", 0.02)
    source = CameraSource(CameraSettings("0", reconnect_s=0.05), of_file(clip))
    offers: list[Offer] = []
    away = clip.with_name("unplugged.avi")
    for offer in source.offers():
        offers.append(offer)
        if len(offers) == 6:
            clip.rename(away)
            threading.Timer(0.3, lambda: away.rename(clip)).start()
        if len(offers) == 12:
            source.stop()
    assert len(offers) == 12
    assert source.reconnects == 2
    assert [offer.name for offer in offers][-1] == "/dev/video0#12"
    assert sum("is back" in record.message for record in caplog.records) == 2


class Hung:
    """A driver that does not come back from reading."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.released = seconds, False

    def grab(self) -> bool:
        time.sleep(self.seconds)
        return False

    def release(self) -> None:
        self.released = True


def test_a_driver_that_hangs_holds_up_no_stop() -> None:
    source = CameraSource(CameraSettings("0"), lambda settings: Hung(3.0))
    thread = threading.Thread(target=lambda: list(source.offers()))
    thread.start()
    time.sleep(0.1)
    start_s = time.monotonic()
    source.stop()
    thread.join()
    assert time.monotonic() - start_s < 0.5


def test_silence_is_a_loss_and_the_device_is_let_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "_SILENCE_S", 0.2)
    hung = Hung(0.5)
    with pytest.raises(MissingDependencyError, match=r"none for 0\.2 s"):
        list(CameraSource(CameraSettings("0", reconnect_s=None), lambda settings: hung).offers())
    assert hung.released


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width_px": 1280}, "width 1280 .*Got 64"),
        ({"height_px": 720}, "height 720 .*Got 48"),
        ({"fps": 60}, "rate 60 .*Got 25"),
        ({"fourcc": "YUYV"}, "format YUYV .*Got MJPG"),
    ],
)
def test_what_the_camera_does_not_give_is_refused(clip: Path, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        next(CameraSource(CameraSettings("0", **settings), of_file(clip)).offers())


def test_a_crop_beside_the_frame_is_refused(clip: Path) -> None:
    settings = CameraSettings("0", crop=PixelBox(0, 0, 48, 65))
    with pytest.raises(InputError, match="crop inside the 64x48 px"):
        next(CameraSource(settings, of_file(clip)).offers())


def test_a_missing_a_denied_and_a_wrong_device_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MissingDependencyError, match="no such device"):
        open_device(CameraSettings(str(tmp_path / "video7")))
    (tmp_path / "video0").touch()
    with pytest.raises(MissingDependencyError, match="busy, or gives no video"):
        open_device(CameraSettings(str(tmp_path / "video0")))
    # Tests may run as root, to whom nothing is denied.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(MissingDependencyError, match="usermod -aG video"):
        open_device(CameraSettings(str(tmp_path / "video0")))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width_px": 0}, "width_px above 0"),
        ({"fps": float("inf")}, "fps above 0"),
        ({"mm_per_px": -1}, r"mm_per_px of 0\.01 to 5.*Got -1"),
        ({"mm_per_px": 100}, r"mm_per_px of 0\.01 to 5.*Got 100"),
        ({"mm_per_px": float("nan")}, "mm_per_px of .*Got nan"),
        ({"fourcc": "MJPEG"}, "four characters"),
    ],
)
def test_odd_camera_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CameraSettings("0", **settings)
