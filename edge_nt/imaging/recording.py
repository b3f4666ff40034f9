"""The one door to every accepted file, be it a picture, a DICOM file or a video: its frames, decoded when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from edge_nt.errors import EdgeNtError
from edge_nt.imaging.container import VIDEO_KINDS
from edge_nt.imaging.crop import Crop, cropped, no_region
from edge_nt.imaging.decode import decode_image, kind_of
from edge_nt.imaging.frame import Frame


@dataclass(frozen=True)
class RecordedFrame:
    """One frame of a file: its name, its number from 0, and its time after the first frame where the file states it.

    The name is that of the file; of several frames, ``cine.dcm#1`` is the first. `decode` raises EdgeNtError for a
    frame that cannot be read.
    """

    name: str
    index: int
    time_s: float | None
    decode: Callable[[], Frame]


@dataclass(frozen=True)
class Recording:
    """The frames of one file; iterate over it as often as needed, one frame is held at a time.

    `frames` is how many there are, or None of a video: what its container declares need not be true. Where
    `random_access`, nothing is decoded before `RecordedFrame.decode`, which any thread may call in any order. A video
    is decoded in the iterating thread; its first frame that is damaged or missing is the last one given, and its
    `decode` raises.
    """

    path: Path
    frames: int | None
    random_access: bool
    _each: Callable[[], Iterator[RecordedFrame]] = field(repr=False)

    def __iter__(self) -> Iterator[RecordedFrame]:
        return self._each()


def frames_of(path: Path, crop: Crop = "frame") -> Recording:
    """Open a picture, a DICOM file or a video, recognised by its content.

    `crop` gives the whole frames, or with ``region`` only the 2-D tissue region that a DICOM header names; a file
    that names none is then refused. Raises: InputError for a file that cannot be read at all; MissingDependencyError.
    """
    kind = kind_of(path)
    if kind == "dicom":
        return _dicom(path, crop)
    if crop == "region":
        raise no_region(str(path))
    if kind in VIDEO_KINDS:
        from edge_nt.imaging.video import read_video_facts

        read_video_facts(path)
        return Recording(path, None, False, partial(_video, path))
    still = RecordedFrame(str(path), 0, None, partial(decode_image, path))
    return Recording(path, 1, True, lambda: iter((still,)))


def _dicom(path: Path, crop: Crop) -> Recording:
    # pydicom takes longer to import than everything else here, and most carts never meet a DICOM file.
    from edge_nt.imaging.dicom import open_dicom

    file = open_dicom(path, str(path))
    if crop == "region" and file.scale.region is None:
        raise no_region(str(path))

    def frame(index: int) -> RecordedFrame:
        time_s = None if file.times_s is None else file.times_s[index]
        return RecordedFrame(file.frame_name(index), index, time_s, lambda: cropped(file.frame(index), crop))

    return Recording(path, file.frames, True, lambda: map(frame, range(file.frames)))


def _video(path: Path) -> Iterator[RecordedFrame]:
    from edge_nt.imaging.video import video_frames

    read = 0
    try:
        for index, found in enumerate(video_frames(path)):
            read += 1
            yield RecordedFrame(found.frame.source, index, found.time_s, partial(_decoded, found.frame))
        return
    except EdgeNtError as error:
        failure = error
    yield RecordedFrame(f"{path}#{read + 1}", read, None, partial(_fail, failure))


def _decoded(frame: Frame) -> Frame:
    return frame


def _fail(error: EdgeNtError) -> Frame:
    raise error
