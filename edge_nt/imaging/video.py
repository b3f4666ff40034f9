"""Frames of a video file (AVI, MP4 or QuickTime, Matroska or WebM) through OpenCV's FFmpeg, one after another.

FFmpeg opens more than files: addresses, lists of other files, numbered pictures. Here it gets a descriptor of a file
whose first bytes are those of a video container, so that no name is left for it to read anything into.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.imaging.complaints import captured_complaints
from edge_nt.imaging.container import SNIFFED_BYTES, VIDEO_KINDS, sniff
from edge_nt.imaging.frame import Frame
from edge_nt.imaging.picture import refuse_huge, to_gray

Outcome = TypeVar("Outcome")

# What FFmpeg prints where it makes up what is missing or damaged begins with who says it: [h264 @ 0x55…].
_SPEAKER = re.compile(r"\[(\S+) @ 0x[0-9a-f]+\]")
# With either of them FFmpeg says less, or says it in OpenCV's name; both are read once in a process.
_MUTING = ("OPENCV_FFMPEG_LOGLEVEL", "OPENCV_FFMPEG_DEBUG")
# Said by nobody in particular, of a frame that its container makes longer than the file.
_TRUNCATING = "Truncating packet"
# With one thread, FFmpeg complains of a frame while that frame is asked for; decoders in hardware do not say so, and
# differ from machine to machine.
_SETTINGS = (cv2.CAP_PROP_N_THREADS, 1, cv2.CAP_PROP_HW_ACCELERATION, cv2.VIDEO_ACCELERATION_NONE)
# More than a year at 30 frames a second: a number that stands for "unknown", or for damage.
_MOST_FRAMES = 1 << 30


@dataclass(frozen=True)
class VideoFrame:
    """One frame and its time in seconds from the start of the video."""

    frame: Frame
    time_s: float


@dataclass(frozen=True)
class VideoFacts:
    """What a container says of its video: its size in px, its rate and its frames, None where it does not say.

    `frames` is what stands there: an index in AVI and MP4, which a file may contradict; Matroska keeps none.
    """

    height: int
    width: int
    fps: float | None
    frames: int | None


def read_video_facts(path: Path) -> VideoFacts:
    """What the container at `path` declares. Raises: InputError when it cannot be opened, or is above 64 megapixels."""
    with _opened(path) as (_, facts):
        return facts


def video_frames(path: Path) -> Iterator[VideoFrame]:
    """Decode a video from its first frame to its last, holding one at a time; colour becomes luma.

    Turned videos are not turned back: boxes are in stored pixels. The first frame is named ``clip.mp4#1``.

    Raises: InputError at the first frame that is damaged, of another size, or missing though the container declares it;
    what comes after it is not read, since its codec would build it on what was lost. Also where the environment keeps
    FFmpeg from saying so.
    """
    with _opened(path) as (capture, facts):
        number, time_s = 0, 0.0
        while True:
            image, complaints = _next_image(capture)
            if complaints:
                raise _refusal(f"{path}#{number + 1}", f"damaged video ({complaints[0]}){_rest(number, facts)}")
            if image is None:
                break
            number += 1
            if image.shape[:2] != (facts.height, facts.width):
                raise _refusal(f"{path}#{number}", "a video that changes its size")
            time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            yield VideoFrame(Frame(to_gray(image, white=255), f"{path}#{number}"), time_s)
        if _ended_early(number, time_s, facts):
            raise _refusal(f"{path}#{number + 1}", f"truncated video{_rest(number, facts)}")


def _ended_early(read: int, last_s: float, facts: VideoFacts) -> bool:
    if read == 0:
        return True
    if facts.frames is None or facts.fps is None or read >= facts.frames:
        return False
    # Empty chunks of AVI count as frames and give none; the last frame then still stands at the end.
    return last_s + 2 / facts.fps < facts.frames / facts.fps


def _rest(read: int, facts: VideoFacts) -> str:
    return f"; {read} frames read" + (f" of {facts.frames}" if facts.frames else "")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[cv2.VideoCapture, VideoFacts]]:
    _refuse_muted()
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise _refusal(str(path), str(getattr(error, "strerror", None) or error)) from error
    with file:
        kind = sniff(file.read(SNIFFED_BYTES))
        if kind not in VIDEO_KINDS:
            raise _refusal(str(path), "not an AVI, MP4, QuickTime or Matroska video")
        file.seek(0)
        capture = cv2.VideoCapture()
        try:
            facts = _open(capture, file.fileno(), path)
            # What is told of Matroska is its duration times a guessed rate; where it is cut, its reader complains.
            yield capture, replace(facts, frames=None) if kind == "matroska" else facts
        finally:
            with captured_complaints():
                capture.release()


def _refuse_muted() -> None:
    muting = [name for name in _MUTING if name in os.environ]
    if muting:
        raise InputError(
            expected="an environment in which FFmpeg says what is damaged in a video, its only sign of it",
            got=f"{' and '.join(muting)} set",
            fix=f"unset {' '.join(muting)}",
        )


def _open(capture: cv2.VideoCapture, descriptor: int, path: Path) -> VideoFacts:
    with captured_complaints() as lines:
        opened = _try(lambda: capture.open(f"/dev/fd/{descriptor}", cv2.CAP_FFMPEG, _SETTINGS))
    if not opened:
        said = _complaints(lines)
        raise _refusal(str(path), f"a video that cannot be opened ({said[0] if said else 'no video stream'})")
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    height, width = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH))
    fps, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    try:
        refuse_huge(height, width)
    except ValueError as error:
        raise _refusal(str(path), str(error)) from error
    known = 0 < frames < _MOST_FRAMES
    return VideoFacts(height, width, fps if 0 < fps < np.inf else None, int(frames) if known else None)


def _next_image(capture: cv2.VideoCapture) -> tuple[NDArray[np.uint8] | None, list[str]]:
    with captured_complaints() as lines:
        image = _try(lambda: capture.read()[1])
    return (None if image is None else np.asarray(image, np.uint8)), _complaints(lines)


def _try(call: Callable[[], Outcome]) -> Outcome | None:
    try:
        return call()
    except (cv2.error, MemoryError):
        return None


def _complaints(lines: list[str]) -> list[str]:
    return [_SPEAKER.sub(r"\1:", line.strip()) for line in lines if _SPEAKER.search(line) or _TRUNCATING in line]


def _refusal(name: str, what: str) -> InputError:
    return InputError(
        expected="a whole AVI, MP4, QuickTime or Matroska video",
        got=f"{name}: {what}",
        fix="copy or export the video again, or leave it out",
    )
