"""A DICOM file of one frame or many → gray frames, one at a time. Imported only when a DICOM file is met."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from edge_nt.errors import EdgeNtError, InputError
from edge_nt.imaging.dicom_fragments import EncapsulatedFrames, refuse_short_native
from edge_nt.imaging.dicom_header import DicomHeader, Opener, read_header
from edge_nt.imaging.dicom_pixels import gray_compressed, gray_native, is_native, refuse_undecodable
from edge_nt.imaging.dicom_regions import Scale, read_scale
from edge_nt.imaging.dicom_times import read_times_s
from edge_nt.imaging.frame import Frame

_LONGEST_REASON = 300
# What pydicom finds odd in a file is either an error here, or of no use to whoever runs a cart. Said once, since
# Python's way to silence a block is not safe with threads.
warnings.filterwarnings("ignore", module=r"pydicom\.")


@dataclass(frozen=True)
class DicomFile:
    """The frames of a DICOM file, none of them held: each is read and decoded when it is asked for, in any thread.

    `frames` is how many there are; `times_s` says when each was taken, in seconds after the first, or is None where
    the header states no rate. `scale` is the spacing and the region that all frames have.
    """

    name: str
    frames: int
    times_s: tuple[float, ...] | None
    scale: Scale
    _header: DicomHeader = field(repr=False)
    _opened: Opener = field(repr=False)
    _encapsulated: EncapsulatedFrames | None = field(repr=False)

    def frame_name(self, index: int) -> str:
        """The name of frame `index` (from 0): that of the file, of several ``scan.dcm#1`` is the first, as in DICOM."""
        return self.name if self.frames == 1 else f"{self.name}#{index + 1}"

    def frame(self, index: int) -> Frame:
        """Decode frame `index`, from 0.

        MONOCHROME1 is inverted, RGB, YBR and palette colour become luma, modality and VOI LUT apply above 8 bits.

        Raises: InputError for a frame that is damaged or not there; MissingDependencyError for a compression whose
        decoder is not installed.
        """
        name = self.frame_name(index)
        with _told(name), self._opened() as stream:
            if not 0 <= index < self.frames:
                raise ValueError(f"frame {index + 1} of {self.frames}")
            if self._encapsulated is None:
                pixels = gray_native(self._header, stream, index)
            else:
                pixels = gray_compressed(self._header, self._encapsulated.read(stream, index), name)
            return Frame(pixels, name, self.scale.mm_per_px, self.scale.region)


def open_dicom(data: bytes | Path, name: str) -> DicomFile:
    """Open a DICOM file, given as its bytes or as its path; `name` is what errors and frames carry.

    Only the header and the places of the frames are read. Raises: InputError for a file that is damaged, no image,
    or of a kind that is not decoded.
    """
    with _told(name):
        opened = (lambda: BytesIO(data)) if isinstance(data, bytes) else _unchanged_file(data)
        header = read_header(opened)
        refuse_undecodable(header)
        encapsulated = None
        if is_native(header):
            refuse_short_native(header)
        else:
            with opened() as stream:
                encapsulated = EncapsulatedFrames(stream, header)
        times_s = read_times_s(header.elements, header.frames)
        scale = read_scale(header.elements, header.height, header.width)
        return DicomFile(name, header.frames, times_s, scale, header, opened, encapsulated)


def decode_dicom(data: bytes, name: str) -> Frame:
    """The frame of a single-frame DICOM file. Raises: as `open_dicom` and `DicomFile.frame`, and for several frames."""
    file = open_dicom(data, name)
    if file.frames != 1:
        raise InputError(
            expected="a single-frame DICOM image",
            got=f"{name}: DICOM of {file.frames} frames",
            fix="read its frames with edge_nt.imaging.recording.frames_of, or name it to `edge-nt run`",
        )
    return file.frame(0)


def _unchanged_file(path: Path) -> Opener:
    """Opens the file for each reading, and refuses one that is not what it was: its offsets would be another's."""
    known = path.stat()

    def opened() -> BinaryIO:
        stream = path.open("rb")
        status = os.fstat(stream.fileno())
        if (status.st_ino, status.st_size, status.st_mtime_ns) != (known.st_ino, known.st_size, known.st_mtime_ns):
            stream.close()
            raise ValueError("the file has changed since it was opened")
        return stream

    return opened


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except EdgeNtError:
        raise
    except Exception as error:
        # pydicom parses lazily and answers a hostile file with whatever its parser trips over, from struct.error to
        # AttributeError: to the user all of them are a file that cannot be read.
        reason = " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
        raise InputError(
            expected="a whole DICOM image",
            got=f"{name}: {reason}",
            fix="export it again from the scanner or archive, or leave it out",
        ) from error
