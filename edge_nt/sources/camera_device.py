"""A V4L2 device opened through OpenCV, giving what it was asked for and nothing else."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.frame import LARGEST_MM_PER_PX, SMALLEST_MM_PER_PX, PixelBox, is_spacing


@dataclass(frozen=True)
class CameraSettings:
    """Which camera, and what it should give; None leaves a value to the driver.

    `device` is a path or a number. `fourcc` names the format that the camera sends, such as ``MJPG`` or ``YUYV``.
    `crop` is the part of each frame that is used. `mm_per_px` is the spacing, which no camera knows: it is that of
    the frames as they come, at one size and depth of the scanner. `reconnect_s` is the longest pause between attempts
    to open a lost camera again; None lets the source fail instead.
    Raises: InputError for a number not above 0, a spacing that no scan has, or a `fourcc` of not four characters.
    """

    device: str
    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    fourcc: str | None = None
    crop: PixelBox | None = None
    mm_per_px: float | None = None
    reconnect_s: float | None = 10.0

    def __post_init__(self) -> None:
        for name in ("width_px", "height_px", "fps", "reconnect_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(expected=f"{name} above 0", got=f"{value:g}", fix="correct it, or leave it out")
        if self.mm_per_px is not None and not is_spacing(self.mm_per_px):
            raise InputError(
                expected=f"mm_per_px of {SMALLEST_MM_PER_PX:g} to {LARGEST_MM_PER_PX:g}",
                got=f"{self.mm_per_px:g}",
                fix="correct it, or leave it out",
            )
        if self.fourcc is not None and not re.fullmatch(r"[A-Za-z0-9 ]{4}", self.fourcc):
            raise InputError(expected="a format of four characters", got=repr(self.fourcc), fix="name one like MJPG")

    @property
    def path(self) -> Path:
        """The device file."""
        return Path(f"/dev/video{self.device}" if self.device.isdecimal() else self.device)


def open_device(settings: CameraSettings) -> Any:
    """Open a V4L2 device and have it give what is asked for. Raises: as `CameraSource.offers`."""
    path = settings.path
    if not path.exists():
        found = ", ".join(sorted(str(device) for device in Path("/dev").glob("video*"))) or "none"
        raise MissingDependencyError(
            expected=f"a camera at {path}", got=f"no such device (there: {found})", fix="plug it in, or name another"
        )
    if not os.access(path, os.R_OK | os.W_OK):
        raise MissingDependencyError(
            expected=f"a camera at {path} that this user may open",
            got="permission denied",
            fix="sudo usermod -aG video $USER and log in again; for a service, SupplementaryGroups=video",
        )
    capture = cv2.VideoCapture(str(path), cv2.CAP_V4L2)
    if not capture.isOpened():
        raise MissingDependencyError(
            expected=f"a camera at {path} that can be opened",
            got="a device that is busy, or gives no video (cameras often have a second one for metadata)",
            fix=f"see who holds it with `fuser -v {path}`, and what it is with `v4l2-ctl --list-devices`",
        )
    configure(capture, settings)
    return capture


def configure(capture: Any, settings: CameraSettings) -> None:
    """Ask an open capture for size, rate and format, and for no old frames. Raises: InputError for what it refuses."""
    fourcc = None if settings.fourcc is None else cv2.VideoWriter.fourcc(*settings.fourcc)
    # The format first: which sizes and rates there are depends on it.
    asked = (
        ("format", cv2.CAP_PROP_FOURCC, fourcc),
        ("width", cv2.CAP_PROP_FRAME_WIDTH, settings.width_px),
        ("height", cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px),
        ("rate", cv2.CAP_PROP_FPS, settings.fps),
    )
    for _, asked_for, value in asked:
        if value is not None:
            capture.set(asked_for, value)
    for name, asked_for, value in asked:
        got = capture.get(asked_for)
        # Drivers take the nearest that they have without a word; spacing and crop would then be another frame's.
        if value is not None and abs(got - value) > 0.01 * value:
            capture.release()
            raise InputError(
                expected=f"{name} {_said(name, value)} from {settings.path}",
                got=_said(name, got),
                fix=f"choose one that `v4l2-ctl -d {settings.path} --list-formats-ext` lists",
            )
    # Not every driver knows it; frames are read as they come, so that they do not gather in any case.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)


def _said(name: str, value: float) -> str:
    return int(value).to_bytes(4, "little").decode("latin-1") if name == "format" and value > 0 else f"{value:g}"
