"""Files that are there already: every frame of each, none lost however slow the pipeline is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from edge_nt.imaging.crop import Crop
from edge_nt.imaging.frame import Frame
from edge_nt.imaging.recording import RecordedFrame, frames_of
from edge_nt.sources.source import FilePlace, Guard, Offer, unguarded


class FileSource:
    """The frames of `files`, in their order: pictures, DICOM files of one frame or many, videos.

    A file that cannot be read is one offer, whose decoding says why. `crop` is that of
    `edge_nt.imaging.recording.frames_of`. Frames that are `done` are passed over; `guard` is that of `offers_of`.
    """

    live = False

    def __init__(
        self,
        files: Sequence[Path],
        crop: Crop = "frame",
        done: Callable[[FilePlace], bool] = lambda place: False,
        guard: Guard = unguarded,
    ) -> None:
        self.name = "files"
        self._files = tuple(files)
        self._crop: Crop = crop
        self._done = done
        self._guard = guard
        self._stopped = False

    def offers(self) -> Iterator[Offer]:
        """One offer a frame; each is asked for when there is room for it."""
        for path in self._files:
            for offer in offers_of(self.name, path, self._crop, self._guard):
                if self._stopped:
                    return
                if offer.place is None or not self._done(offer.place):
                    yield offer

    def stop(self) -> None:
        """Give no further frame."""
        self._stopped = True


def offers_of(source: str, path: Path, crop: Crop, guard: Guard = unguarded) -> Iterator[Offer]:
    """One offer for each frame of a file, lazily; where no further one can be read, one more, whose decoding raises.

    `guard` is entered for each frame that is read, with the opening of the file for the first.
    """
    place = place_of(path)
    # When a file was written is the best that is known of when it was taken; a cine runs on from there.
    taken_at_s = time.time() if place is None else place.modified_ns / 1e9
    given = 0
    try:
        frames = _recorded(path, crop)
        while (found := _next(frames, place and replace(place, frame=given), guard)) is not None:
            frame, of = found
            frame_place = place and replace(place, frame=frame.index, frames=of)
            yield Offer(source, frame.name, taken_at_s + (frame.time_s or 0.0), frame.decode, frame_place)
            given += 1
    except Exception as error:
        # Whatever a library raises on a hostile file: it costs what is left of that file, and the stream says so.
        name = f"{path}#{given + 1}" if given else str(path)
        last = place and replace(place, frame=given, frames=given + 1)
        yield Offer(source, name, taken_at_s, partial(_fail, error), last)


def _recorded(path: Path, crop: Crop) -> Iterator[tuple[RecordedFrame, int | None]]:
    """Each frame, with how many there are; the file is opened when the first is asked for."""
    recording = frames_of(path, crop)
    for frame in recording:
        yield frame, recording.frames


def _next(
    frames: Iterator[tuple[RecordedFrame, int | None]], place: FilePlace | None, guard: Guard
) -> tuple[RecordedFrame, int | None] | None:
    # Never entered while the frame is with whoever asked for it.
    with nullcontext() if place is None else guard(place):
        return next(frames, None)


def place_of(path: Path) -> FilePlace | None:
    """The only frame of the file at `path`, or None where there is no such file: decoding it will say so."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return FilePlace(path, status.st_size, status.st_mtime_ns)


def _fail(error: Exception) -> Frame:
    raise error
