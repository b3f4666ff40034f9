"""The scans of a soak: decoded before it begins, since a grabber hands over pixels, and given at any rate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path

from edge_nt.bench.frames import BenchFrames
from edge_nt.bench.live import Scans
from edge_nt.imaging.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from edge_nt.imaging.frame import Frame
from edge_nt.sources.files import FileSource
from edge_nt.sources.image_files import image_files
from edge_nt.sources.replay import ReplaySettings, ReplaySource
from edge_nt.sources.source import Offer, Source

# Enough that no cache holds them all, few enough that they are a small part of the memory that is measured.
_MOST_FRAMES = 64


class LoopedFrames:
    """Frames in memory, one after another when there is room: once, or with `endless` again and again."""

    live = False

    def __init__(self, frames: BenchFrames, *, endless: bool) -> None:
        self.name = frames.origin
        self._frames = frames
        self._endless = endless
        self._stopped = False

    def offers(self) -> Iterator[Offer]:
        """One offer a frame, whose decoding takes no time."""
        for number in count() if self._endless else range(len(self._frames)):
            if self._stopped:
                return
            frame = self._frames[number % len(self._frames)]
            yield Offer(self.name, frame.source, time.time(), partial(_same, frame))

    def stop(self) -> None:
        """Give no further frame."""
        self._stopped = True


def file_scans(inputs: Sequence[Path]) -> Scans:
    """Up to 64 frames of files and folders, from files spread evenly over them, to be replayed for ever.

    Raises: InputError when an input does not exist, holds no image, or one of the frames cannot be decoded.
    """
    files = image_files(inputs, suffixes=IMAGE_SUFFIXES | VIDEO_SUFFIXES)
    chosen = [files[index * len(files) // _MOST_FRAMES] for index in range(_MOST_FRAMES)]
    offers = FileSource(tuple(dict.fromkeys(chosen))).offers()
    decoded = tuple(offer.decode() for offer in islice(offers, _MOST_FRAMES))
    frames = BenchFrames(decoded, f"{len(decoded)} frames of {len(files)} files, decoded before")

    def source_at(rate_hz: float | None) -> Source:
        if rate_hz is None:
            return LoopedFrames(frames, endless=True)
        return ReplaySource(LoopedFrames(frames, endless=False), ReplaySettings(fps=rate_hz, rounds=None))

    return Scans(frames, source_at)


def _same(frame: Frame) -> Frame:
    return frame
