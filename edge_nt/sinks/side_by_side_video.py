"""Scan beside reconstruction as a video that loses nothing and can be played up to where the power went."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.sinks.disk_guard import DiskGuard
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Write

VIDEO_FOLDER = "video"
# Lossless, gray, one key frame after another; Matroska is written in clusters that stand for themselves, so that a
# file whose end is missing plays up to there. docs/sinks.md has the codecs that were compared.
_CODEC = cv2.VideoWriter_fourcc(*"FFV1")  # type: ignore[attr-defined]
# A quarter of an hour at 30 frames a second.
FRAMES_PER_FILE = 27_000
# OpenCV does not say that a write failed. Encoded frames wait in buffers of kilobytes, so that a file that has not
# grown for this many frames grows no more.
_FRAMES_WITHOUT_GROWTH = 200
# What a power cut may cost beyond OpenCV's buffers; left alone, the kernel keeps data back for half a minute.
_FRAMES_PER_SYNC = 150
# A file that stopped growing, as at a quota, which the guard does not see, is followed by another after so long, once
# this much can be written: an attempt that fails costs the frames until that shows.
_AGAIN_S = 60.0
_PROBE_BYTES = 4 << 20

Picture = NDArray[np.uint8]


def check_frame_rate(frames_per_s: float) -> None:
    """Raises: InputError for a rate at which no video plays."""
    if not 0 < frames_per_s <= 1000:
        raise InputError(
            expected="a frame rate above 0 and up to 1000 a second",
            got=f"{frames_per_s:g}",
            fix="pass the rate at which the video shall play",
        )


class SideBySideVideo:
    """Writes ``video/<number of its first frame>.mkv``: the scan, its reconstruction and, with `error_panel`, their
    absolute difference in grey levels, side by side; lines name the file and the frame in it.

    Every frame of the stream that did not fail is one frame of the video, shown for 1 / `frames_per_s`: a video does
    not know of frames that were dropped or failed, nor of irregular times, which stand in the lines under
    ``taken_at_s``. A file holds 27,000 frames at most. A cine or a live source whose size changes begins a new
    file; still images of another size are fitted into the size of the file's first, with black bars. After a file
    that stopped growing another is begun a minute later, once there is room; frames until then are refused.

    Raises: MissingDependencyError where OpenCV cannot write such a video; InputError when a file stops growing or
    does not hold what was written.
    """

    def __init__(self, folder: Path, frames_per_s: float = 30.0, *, error_panel: bool = False) -> None:
        check_frame_rate(frames_per_s)
        self._folder = folder / VIDEO_FOLDER
        self._guard = DiskGuard(self._folder)
        self._frames_per_s = frames_per_s
        self._error_panel = error_panel
        self._part: _Part | None = None
        self._failure: InputError | None = None
        self._try_again_s = 0.0

    def __enter__(self) -> SideBySideVideo:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        part, self._part = self._part, None
        if part is not None and kind is None:
            part.close()
        elif part is not None:
            part.release()

    def prepare(self, frame: FinishedFrame) -> Write:
        """Set the panels side by side."""
        panels = [frame.frame.pixels, frame.picture]
        if self._error_panel:
            panels.append(np.asarray(cv2.absdiff(*panels), np.uint8))
        place = frame.offer.place
        still = place is not None and place.frames == 1

        def write(number: int) -> Mapping[str, Any]:
            self._guard.require_room()
            self._require_end_of_failure()
            part = self._part_for(number, panels[0].shape, still=still)
            try:
                part.add(np.hstack([_fitted(panel, *part.panel_shape) for panel in panels]))
            except InputError as error:
                self._give_part_up(error)
                raise
            return {"video": f"{VIDEO_FOLDER}/{part.path.name}", "video_frame": part.frames - 1}

        return write

    def fail(self, failed: FailedFrame) -> None:
        """Nothing to show."""

    def _require_end_of_failure(self) -> None:
        if self._failure is None:
            return
        if monotonic() < self._try_again_s:
            # Without the way of its last raising, which would grow with each frame.
            raise self._failure.with_traceback(None)
        self._try_again_s = monotonic() + _AGAIN_S
        with tempfile.TemporaryFile(dir=self._folder) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
        self._failure = None

    def _give_part_up(self, failure: InputError) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.release()
        self._failure, self._try_again_s = failure, monotonic() + _AGAIN_S

    def _part_for(self, number: int, shape: tuple[int, ...], *, still: bool) -> _Part:
        part = self._part
        if part is not None and (part.frames == FRAMES_PER_FILE or (part.panel_shape != shape and not still)):
            self._part = None
            part.close()
        if self._part is None:
            panels = 3 if self._error_panel else 2
            self._part = _Part(self._folder / f"{number:08d}.mkv", (shape[0], shape[1]), panels, self._frames_per_s)
        return self._part


class _Part:
    """One file of one size, under its name from the start."""

    def __init__(self, path: Path, panel_shape: tuple[int, int], panels: int, frames_per_s: float) -> None:
        self.path = path
        self.panel_shape = panel_shape
        self.frames = 0
        # OpenCV cuts odd sizes to even ones; a row or column of black keeps them whole.
        self._height, self._width = (side + side % 2 for side in (panel_shape[0], panel_shape[1] * panels))
        self._grew_at = self._bytes = 0
        self._writer = cv2.VideoWriter(
            str(path), cv2.CAP_FFMPEG, _CODEC, frames_per_s, (self._width, self._height), isColor=False
        )
        if not self._writer.isOpened():
            raise MissingDependencyError(
                expected="an OpenCV that writes FFV1 in Matroska, and a folder that can be written",
                got=f"a writer that does not open {path}",
                fix="make room, or install opencv-python-headless from PyPI, which has the codec",
            )

    def add(self, picture: Picture) -> None:
        """Encode one picture. Raises: InputError when the file has stopped growing."""
        height, width = picture.shape
        self._writer.write(cv2.copyMakeBorder(picture, 0, self._height - height, 0, self._width - width, 0))
        self.frames += 1
        if self.frames % _FRAMES_PER_SYNC == 0:
            _sync(self.path)
        written = self.path.stat().st_size
        if written > self._bytes:
            self._bytes, self._grew_at = written, self.frames
        elif self.frames - self._grew_at >= _FRAMES_WITHOUT_GROWTH:
            raise self._not_whole(f"no growth since frame {self._grew_at}")

    def release(self) -> None:
        """Finish the file, whatever it holds."""
        self._writer.release()

    def close(self) -> None:
        """Finish the file and look at what it says it holds. Raises: InputError when frames are missing."""
        self.release()
        video = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        found = round(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
        video.release()
        if found != self.frames:
            raise self._not_whole(f"{found} frames")

    def _not_whole(self, got: str) -> InputError:
        return InputError(
            expected=f"{self.path} with all of its {self.frames} frames",
            got=got,
            fix="make room on the disk, or leave the video out",
        )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fitted(picture: Picture, height: int, width: int) -> Picture:
    """The picture inside (height, width): as it is, or resized with its aspect kept, black around it."""
    own_height, own_width = picture.shape
    if (own_height, own_width) == (height, width):
        return picture
    scale = min(height / own_height, width / own_width)
    inner_h, inner_w = (max(round(side * scale), 1) for side in (own_height, own_width))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    fitted = np.zeros((height, width), np.uint8)
    fitted[top : top + inner_h, left : left + inner_w] = cv2.resize(picture, (inner_w, inner_h), interpolation=method)
    return fitted
