"""Hostile and broken DICOM: each file ends in one clear error, in little memory and time, never in a crash."""

import contextlib
import re
import struct
import time
import tracemalloc
import zlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pydicom
import pytest
from dicom_files import LOSSLESS, regions, rle_frame, tissue_region, write_cine, write_dicom
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HEVCMP51,
    MPEG2MPML,
    MPEG4HP41,
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)
from scan_folders import scan

from edge_nt.errors import EdgeNtError, InputError
from edge_nt.imaging.dicom import open_dicom
from edge_nt.imaging.recording import frames_of


def decode_all(path: Path) -> None:
    for frame in frames_of(path):
        frame.decode()


def refusal(path: Path, at_most_mb: float = 40.0) -> str:
    """The one line with which the file, or one of its frames, is refused."""
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(InputError) as caught:
        decode_all(path)
    assert time.perf_counter() - start < 5
    assert tracemalloc.get_traced_memory()[1] < at_most_mb * 1e6
    tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


SMALL = scan(1, 40, 48)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"Rows": 60000, "Columns": 60000}, "64 megapixels"),
        ({"Rows": 0}, "48x0 px"),
        ({"NumberOfFrames": 2**31 - 1}, "2147483647 frames"),
        ({"NumberOfFrames": 1_000_000}, "1000000 frames"),
        ({"NumberOfFrames": -3}, "-3 frames"),
        ({"NumberOfFrames": 2}, "2 frames"),
        ({"SamplesPerPixel": 200}, "200 samples"),
        ({"SamplesPerPixel": 3}, "MONOCHROME2 and 3 samples"),
        ({"PhotometricInterpretation": "RGB"}, "RGB and 1 samples"),
        ({"PhotometricInterpretation": "HSV"}, "HSV"),
        ({"PhotometricInterpretation": "YBR_PARTIAL_420"}, "YBR_PARTIAL_420"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "alette"),
        ({"BitsAllocated": 32}, "32 bits"),
        ({"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}, "declares 1920"),
        ({"BitsStored": 9}, "9 of 8 bits"),
        ({"BitsStored": 0}, "0 of 8 bits"),
        ({"PixelData": b""}, "declares 0"),
        ({"syntax": MPEG2MPML, "PixelData": encapsulate([b"1"])}, "video in MPEG2"),
        ({"syntax": MPEG4HP41, "PixelData": encapsulate([b"1"])}, "video in MPEG-4"),
        ({"syntax": HEVCMP51, "PixelData": encapsulate([b"1"])}, "video in HEVC"),
        ({"syntax": RLELossless, "PixelData": encapsulate([b"\1" * 20])}, "header of a run-length"),
        ({"syntax": RLELossless, "PixelData": encapsulate([rle_frame([bytes(9)] * 3)])}, "3 run-length coded planes"),
        ({"syntax": RLELossless, "PixelData": encapsulate([rle_frame([bytes(9)])])}, "amount of decoded|match"),
        ({"syntax": JPEGBaseline8Bit, "PixelData": encapsulate([b"\xff\xd8\xff\xd9" * 9])}, "frame header"),
        ({"syntax": JPEG2000Lossless, "PixelData": encapsulate([b"\xff\x4f\xff\x51" + bytes(40)])}, "around a picture"),
        ({"syntax": JPEG2000Lossless, "PixelData": encapsulate([b"not a codestream"])}, "no JPEG 2000"),
        ({"BitsStored": 7, "HighBit": 6, "RescaleSlope": 0, "RescaleIntercept": 1}, "all to be shown"),
        ({"BitsStored": 7, "HighBit": 6, "RescaleSlope": "nan", "RescaleIntercept": 0}, "all to be shown"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, elements: dict[str, object], reason: str) -> None:
    assert re.search(reason, refusal(write_dicom(tmp_path / "a.dcm", SMALL, **elements)))


def test_absent_pixel_data_and_absent_elements_are_refused(tmp_path: Path) -> None:
    for keyword in (
        "PixelData",
        "Rows",
        "Columns",
        "BitsAllocated",
        "BitsStored",
        "SamplesPerPixel",
        "PixelRepresentation",
    ):
        dataset = pydicom.dcmread(write_dicom(tmp_path / "a", SMALL))
        del dataset[keyword]
        dataset.save_as(tmp_path / "a.dcm")
        reason = {"PixelData": "without pixel data", "Rows": "48x0 px", "Columns": "0x40 px"}
        assert reason.get(keyword, f"DICOM without {keyword}") in refusal(tmp_path / "a.dcm")


def test_deflated_files_are_refused_before_they_are_inflated(tmp_path: Path) -> None:
    whole = write_dicom(tmp_path / "a", SMALL, syntax=DeflatedExplicitVRLittleEndian).read_bytes()
    start = len(whole) - len(whole) // 2
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    (tmp_path / "a.dcm").write_bytes(whole[:start] + bomb.compress(bytes(200 << 20)) + bomb.flush())
    assert "deflated" in refusal(tmp_path / "a.dcm", at_most_mb=5)


def test_a_run_length_bomb_is_counted_before_it_is_unpacked(tmp_path: Path) -> None:
    # 10 MB of the longest runs would become 640 MB: 64 for each byte, of a picture that needs 1,920.
    runs = b"\x81\x00" * 5_000_000
    data = struct.pack("<16I", 1, 64, *[0] * 14) + runs
    path = write_dicom(tmp_path / "a.dcm", SMALL, syntax=RLELossless, PixelData=encapsulate([data]))
    assert "more than 1920 bytes" in refusal(path, at_most_mb=60)


def test_a_jpeg_larger_than_its_header_says_is_refused_before_decoding(tmp_path: Path) -> None:
    data = bytearray(cv2.imencode(".jpg", SMALL)[1].tobytes())
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", 8000, 8000)
    path = write_dicom(tmp_path / "a.dcm", SMALL, syntax=JPEGBaseline8Bit, PixelData=encapsulate([bytes(data)]))
    assert "around a picture of 8000x8000" in refusal(path)


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    whole = write_dicom(tmp_path / "a", SMALL).read_bytes()
    place = whole.index(struct.pack("<HH", 0x0028, 0x0002))
    # A palette that claims 3 GB, in a sparse file that has them.
    element = struct.pack("<HH2sHI", 0x0028, 0x1201, b"OW", 0, 3_000_000_000)
    with (tmp_path / "a.dcm").open("wb") as file:
        file.write(whole[:place] + element)
        file.truncate(3_000_000_000 + place + len(element))
    assert "64 MiB ahead of its pixels" in refusal(tmp_path / "a.dcm", at_most_mb=200)


def test_nested_sequences_do_not_overflow_the_stack(tmp_path: Path) -> None:
    whole = write_dicom(tmp_path / "a", SMALL).read_bytes()
    place = whole.index(struct.pack("<HH", 0x0028, 0x0002))
    begin = struct.pack("<HH2sHI", 0x0018, 0x6011, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    (tmp_path / "a.dcm").write_bytes(whole[:place] + begin * 20_000 + whole[place:])
    refusal(tmp_path / "a.dcm")


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_a_cine_cut_anywhere_is_refused_or_whole(tmp_path: Path, syntax: str) -> None:
    whole = write_cine(tmp_path / "a", [scan(seed, 40, 48) for seed in range(3)], syntax).read_bytes()
    cut = tmp_path / "cut.dcm"
    for length in np.linspace(1, len(whole) - 1, 40).astype(int):
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.dcm"):
            decode_all(cut)


def test_fragments_without_end_take_little_memory(tmp_path: Path) -> None:
    empty = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    data = empty + empty * 30_000 + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    path = write_cine(tmp_path / "a.dcm", [SMALL] * 2, RLELossless, PixelData=data)
    assert "30000 fragments" in refusal(path, at_most_mb=40)


@cache
def whole_cine(syntax: str) -> bytes:
    with TemporaryDirectory() as folder:
        frames = [scan(seed, 40, 48) for seed in range(3)]
        elements = regions(tissue_region(2, 2, 30, 30, 0.01)) | {
            "FrameTime": 40,
            "WindowCenter": 128,
            "WindowWidth": 256,
        }
        return write_cine(Path(folder) / "a.dcm", frames, UID(syntax), **elements).read_bytes()


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), flips=st.integers(1, 30), syntax=st.sampled_from([*LOSSLESS, JPEGBaseline8Bit]))
def test_damaged_bytes_never_escape_the_error_tree(seed: int, flips: int, syntax: str) -> None:
    data = np.frombuffer(whole_cine(syntax), np.uint8).copy()
    rng = np.random.default_rng(seed)
    # Half of the cases in the header, where the numbers are.
    data[rng.integers(128, 1200 if seed % 2 else data.size, flips)] = rng.integers(0, 256, flips)
    with contextlib.suppress(EdgeNtError):
        file = open_dicom(data.tobytes(), "damaged")
        for index in range(min(file.frames, 4)):
            assert file.frame(index).pixels.dtype == np.uint8


def test_a_run_length_code_that_ends_too_late_is_refused(tmp_path: Path) -> None:
    # This made pylibjpeg-rle, which pydicom prefers where it is installed, panic past every `except Exception`.
    plane = bytes(SMALL)
    coded = rle_frame([plane, plane])
    for end in range(64, len(coded), 97):
        data = coded[:end] + b"\x7f" * 200 + coded[end:]
        path = write_dicom(
            tmp_path / "a.dcm", SMALL.astype(np.uint16), syntax=RLELossless, PixelData=encapsulate([data])
        )
        with contextlib.suppress(InputError):
            decode_all(path)
