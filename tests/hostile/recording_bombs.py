"""DICOM files and videos built to cost far more than they weigh, or to contradict themselves where it hurts."""

import io
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import block_bundle
import dicom_files
import video_files
from picture_bombs import codestream, many_scans_jpeg, resized_jpeg, two_frames_jpeg
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless
from seed_files import with_fixed_uids


def _dicom(**elements: object) -> bytes:
    target = io.BytesIO()
    dicom_files.write_dicom(target, block_bundle.scan(2, 24, 32), **elements)  # type: ignore[arg-type]
    return with_fixed_uids(target.getvalue())


def _compressed(frame: bytes, syntax: str, rows: int, columns: int) -> bytes:
    return _dicom(syntax=syntax, PixelData=encapsulate([frame]), Rows=rows, Columns=columns)


def _runs(plane_bytes: int) -> bytes:
    header = struct.pack("<16I", 1, 64, *[0] * 14)
    return header + b"\x81\0" * (plane_bytes // 128)


def _before_pixels(element: bytes) -> bytes:
    """A sound file with one more element ahead of its rows and columns."""
    data = _dicom()
    place = data.index(b"\x28\0\x02\0US")
    return data[:place] + element + data[place:]


def _sequence(items: bytes) -> bytes:
    return b"\x18\0\x11\x60SQ\0\0" + struct.pack("<I", len(items)) + items


def _nested(depth: int) -> bytes:
    start = b"\x18\0\x11\x60SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff"
    return start * depth


def _dicom_bombs() -> dict[str, Callable[[], bytes]]:
    item = b"\xfe\xff\0\xe0\0\0\0\0"
    vector = b"1\\" * (8 << 20)
    times = b"\x18\0\x65\x10UN\0\0" + struct.pack("<I", len(vector))
    return {
        "65535x65535.dcm": lambda: _dicom(Rows=65_535, Columns=65_535),
        "2147483647-frames.dcm": lambda: _dicom(NumberOfFrames=2**31 - 1),
        "no-pixel-data.dcm": lambda: _dicom()[: _dicom().index(b"\xe0\x7f\x10\0")],
        "run-length-bomb.dcm": lambda: _compressed(_runs(1 << 30), RLELossless, 24, 32),
        "largest-runs.dcm": lambda: _compressed(_runs(8000 * 8000), RLELossless, 8000, 8000),
        "jpeg-of-another-size.dcm": lambda: _compressed(resized_jpeg(65_500, 65_500), JPEGBaseline8Bit, 24, 32),
        "two-frame-headers.dcm": lambda: _compressed(two_frames_jpeg(30_000, 30_000), JPEGBaseline8Bit, 8, 8),
        "3000-scans.dcm": lambda: _compressed(many_scans_jpeg(6000, 6000, 3000), JPEGBaseline8Bit, 6000, 6000),
        "16384-components.dcm": lambda: _compressed(codestream(8000, 8000, 16_384), JPEG2000Lossless, 8000, 8000),
        "tiles-of-a-pixel.dcm": lambda: _compressed(codestream(8000, 8000, 1, 1), JPEG2000Lossless, 8000, 8000),
        "million-regions.dcm": lambda: _before_pixels(_sequence(item * 1_000_000)),
        "million-open-regions.dcm": lambda: _before_pixels(_nested(1) + item * 1_000_000),
        "deep-regions.dcm": lambda: _before_pixels(_nested(5000)),
        "million-frame-times.dcm": lambda: _before_pixels(times + vector),
        "private-of-4-gigabytes.dcm": lambda: _before_pixels(b"\x19\0\x01\x10OB\0\0\xf0\xff\xff\xff"),
        "empty-fragments.dcm": lambda: _dicom(
            syntax=RLELossless, NumberOfFrames=50_000, PixelData=encapsulate([b"\0\0"] * 50_000)
        ),
    }


@cache
def _avi() -> bytes:
    with TemporaryDirectory() as folder:
        return video_files.write_video(Path(folder, "a.avi"), video_files.moving_scans(2, 48, 64)).read_bytes()


def _resized_avi(width: int, height: int) -> bytes:
    return _avi().replace(struct.pack("<II", 64, 48), struct.pack("<II", width, height))


def _video_bombs() -> dict[str, Callable[[], bytes]]:
    return {
        "100000x100000.avi": lambda: _resized_avi(100_000, 100_000),
        "16000x16000.avi": lambda: _resized_avi(16_000, 16_000),
        "8000x8000.avi": lambda: _resized_avi(8000, 8000),
        "other-files.mkv": lambda: b"\x1a\x45\xdf\xa3ffconcat version 1.0\nfile /etc/hostname\n",
        "network.mkv": lambda: b"\x1a\x45\xdf\xa3\nv=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    }


def recording_bombs() -> dict[str, Callable[[], bytes]]:
    """Every such file, made when it is asked for, by its name."""
    return {**_dicom_bombs(), **_video_bombs()}
