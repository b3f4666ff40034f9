"""An image file of any accepted kind → one gray frame, or one clear line on why not."""

from __future__ import annotations

import stat
from pathlib import Path

from edge_nt.errors import InputError
from edge_nt.imaging.container import SNIFFED_BYTES, VIDEO_KINDS, sniff
from edge_nt.imaging.frame import Frame
from edge_nt.imaging.picture import decode_picture

# Names that a folder scan picks up; what a file really is, its first bytes tell.
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm"})
VIDEO_SUFFIXES = frozenset({".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm"})

# Four 16-bit channels of the largest accepted image; a longer file is not a frame.
MAX_FILE_BYTES = 512 << 20


def decode_image(path: Path) -> Frame:
    """Decode a PNG, JPEG, TIFF, BMP or single-frame DICOM file, recognised by its content, to a gray frame.

    16-bit pixels are divided by 257 and rounded, colour becomes luma, alpha is dropped; DICOM brings its pixel spacing
    and its region of tissue. Files of several frames are for `edge_nt.imaging.recording.frames_of`.

    Raises: InputError naming the file when it is missing, empty, truncated, damaged, above 64 megapixels,
    multi-frame, or no image; MissingDependencyError for a DICOM compression that needs another package.
    """
    data = _read_bytes(path)
    if sniff(data) == "dicom":
        # pydicom takes longer to import than everything else here, and most carts never meet a DICOM file.
        from edge_nt.imaging.dicom import decode_dicom

        return decode_dicom(data, str(path))
    if sniff(data) in VIDEO_KINDS:
        raise _refusal(path, "a video, of many frames")
    try:
        return Frame(decode_picture(data), source=str(path))
    except ValueError as error:
        raise _refusal(path, str(error)) from error


def kind_of(path: Path) -> str | None:
    """What `sniff` says of a file, of which only the start is read. Raises: InputError as `decode_image` does."""
    return sniff(_read_bytes(path, SNIFFED_BYTES))


def _read_bytes(path: Path, count: int | None = None) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _refusal(path, "a folder or device, not a file")
        if count is None and status.st_size > MAX_FILE_BYTES:
            raise _refusal(path, f"a file of more than {MAX_FILE_BYTES >> 20} MiB")
        with path.open("rb") as file:
            data = file.read(-1 if count is None else count)
    except (OSError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None) or error
        raise _refusal(path, str(reason)) from error
    if not data:
        raise _refusal(path, "an empty file")
    return data


def _refusal(path: Path, what: str) -> InputError:
    return InputError(
        expected="a whole PNG, JPEG, TIFF, BMP or single-frame DICOM image",
        got=f"{path}: {what}",
        fix="copy the file again from its source, or leave it out",
    )
