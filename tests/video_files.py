"""Short videos as phones and frame grabbers write them, in the codecs that OpenCV brings an encoder for."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

CODECS = {".avi": "MJPG", ".mp4": "mp4v", ".mov": "mp4v", ".mkv": "FFV1", ".webm": "VP80"}


def moving_scans(count: int, height: int = 96, width: int = 128) -> list[np.ndarray]:
    """A smooth picture that moves by 2 px a frame, so that no two frames are the same."""
    noise = np.random.default_rng(5).integers(0, 256, (height, width + 2 * count), np.uint8)
    wide = cv2.GaussianBlur(noise, (0, 0), 3)
    wide = cv2.normalize(wide, wide, 0, 255, cv2.NORM_MINMAX)
    return [np.ascontiguousarray(wide[:, 2 * i : 2 * i + width]) for i in range(count)]


def write_video(path: Path, frames: Sequence[np.ndarray], fps: float = 25.0, codec: str | None = None) -> Path:
    """Write gray frames as colour video in the codec that goes with the suffix."""
    height, width = frames[0].shape
    fourcc = cv2.VideoWriter.fourcc(*(codec or CODECS[path.suffix]))
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()
    return path
