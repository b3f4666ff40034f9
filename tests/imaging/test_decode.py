"""Frames from every accepted file kind, and one clear line for every kind of bad file."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_folders import refusal, save, scan

from edge_nt.errors import EdgeNtError, InputError
from edge_nt.imaging.decode import decode_image

SUFFIXES = (".png", ".jpg", ".tif", ".bmp")
# Rec. 601, the weights that OpenCV documents for BGR2GRAY.
LUMA_BGR = np.array([0.114, 0.587, 0.299])


def colour(seed: int = 3) -> np.ndarray:
    return np.stack([scan(seed + channel) for channel in range(3)], axis=-1)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_gray_pixels_come_back_unchanged(tmp_path: Path, suffix: str) -> None:
    frame = decode_image(save(tmp_path / f"a{suffix}", scan(1)))
    np.testing.assert_array_equal(frame.pixels, scan(1))
    assert frame.source.endswith(f"a{suffix}")
    assert frame.mm_per_px is None


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_divided_by_257_and_rounded(tmp_path: Path, suffix: str) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = decode_image(save(tmp_path / f"a{suffix}", values)).pixels
    np.testing.assert_array_equal(pixels, np.rint(values / 257.0).astype(np.uint8))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_colour_becomes_luma(tmp_path: Path, suffix: str) -> None:
    pixels = decode_image(save(tmp_path / f"a{suffix}", colour())).pixels
    assert np.abs(pixels - colour() @ LUMA_BGR).max() <= 1.0


def test_sixteen_bit_colour_becomes_luma(tmp_path: Path) -> None:
    pixels = decode_image(save(tmp_path / "a.png", colour().astype(np.uint16) * 257)).pixels
    assert np.abs(pixels - colour() @ LUMA_BGR).max() <= 1.0


def test_alpha_is_dropped(tmp_path: Path) -> None:
    alpha = np.zeros((*scan(1).shape, 1), np.uint8)
    gray = np.repeat(scan(1)[..., None], 3, axis=-1)
    pixels = decode_image(save(tmp_path / "a.png", np.concatenate([gray, alpha], axis=-1))).pixels
    np.testing.assert_array_equal(pixels, scan(1))


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", scan(1)).rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(decode_image(path).pixels, scan(1))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused_in_silence(
    tmp_path: Path, suffix: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save(tmp_path / f"a{suffix}", scan(1))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    line = refusal(path)
    assert "truncated" in line or "damaged" in line
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cuts_all_along_a_small_file_are_refused(tmp_path: Path, suffix: str) -> None:
    whole = save(tmp_path / f"a{suffix}", scan(1, 10, 14)).read_bytes()
    cut = tmp_path / "cut"
    # The directory of OpenCV's TIFF stands at the end, so its last bytes (resolution, unused) may be spare.
    needed = len(whole) - (16 if suffix == ".tif" else 0)
    for length in range(0, needed, 3):
        cut.write_bytes(whole[:length])
        refusal(cut)


def tiff_with_directory_first(pixels: np.ndarray, order: str, big: bool) -> bytes:
    """One uncompressed strip after the directory, as scanners write it (OpenCV puts the directory last)."""
    height, width = pixels.shape
    tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 0),
        (277, 1),
        (278, height),
        (279, pixels.size),
    ]
    mark = b"II" if order == "<" else b"MM"
    header = mark + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8))
    count, entry, end = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")
    start = (
        len(header) + struct.calcsize(order + count) + len(tags) * (20 if big else 12) + struct.calcsize(order + end)
    )
    number = 16 if big else 4
    entries = [struct.pack(order + entry, tag, number, 1, start if tag == 273 else value) for tag, value in tags]
    return (
        header + struct.pack(order + count, len(tags)) + b"".join(entries) + bytes(8 if big else 4) + pixels.tobytes()
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_tiff_with_its_directory_first_is_read_whole_or_not_at_all(tmp_path: Path, order: str, big: bool) -> None:
    whole = tiff_with_directory_first(scan(1), order, big)
    path = tmp_path / "a.tif"
    path.write_bytes(whole)
    np.testing.assert_array_equal(decode_image(path).pixels, scan(1))
    path.write_bytes(whole[:-1])
    assert "ends beyond the file" in refusal(path)


def test_png_with_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", scan(1))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "checksum" in refusal(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello, this is text" * 20, "not a PNG"),
        (b"GIF89a" + bytes(50), "not a PNG"),
        (bytes(400), "not a"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert reason in refusal(path)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "nowhere.png")
    assert "not a file" in refusal(tmp_path)


def png_header_only(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(100_000, 100_000), (8001, 8000), (2**31 - 1, 1)])
def test_decompression_bombs_are_refused_before_decoding(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header_only(width, height))
    assert "64 megapixels" in refusal(path)


def test_jpeg_and_bmp_bombs_are_refused(tmp_path: Path) -> None:
    jpeg = bytearray(save(tmp_path / "a.jpg", scan(1)).read_bytes())
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65500, 65500)
    (tmp_path / "a.jpg").write_bytes(jpeg)
    assert "64 megapixels" in refusal(tmp_path / "a.jpg")
    bmp = bytearray(save(tmp_path / "a.bmp", scan(1)).read_bytes())
    bmp[18:26] = struct.pack("<ii", 2_000_000, -2_000_000)
    (tmp_path / "a.bmp").write_bytes(bmp)
    assert "truncated BMP" in refusal(tmp_path / "a.bmp")


def test_tiff_of_several_pages_or_of_floats_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    assert cv2.imwritemulti(str(path), [scan(1), scan(2)])
    assert "several pages" in refusal(path)
    save(path, scan(1).astype(np.float32))
    assert "8 or 16 bits" in refusal(path)


@settings(max_examples=150)
@given(suffix=st.sampled_from(SUFFIXES), seed=st.integers(0, 2**32 - 1), flips=st.integers(1, 40))
def test_damaged_bytes_never_escape_the_error_tree(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, seed: int, flips: int
) -> None:
    encoded = cv2.imencode(suffix, scan(1, 24, 32))[1].copy()
    rng = np.random.default_rng(seed)
    encoded[rng.integers(0, encoded.size, flips)] = rng.integers(0, 256, flips)
    path = tmp_path_factory.mktemp("damage") / "a"
    path.write_bytes(encoded.tobytes())
    try:
        frame = decode_image(path)
    except EdgeNtError:
        return
    assert frame.pixels.dtype == np.uint8


def test_a_tiff_with_more_numbers_than_a_picture_has_strips_is_refused(tmp_path: Path) -> None:
    count, strips = (1 << 20) + 1, 8 + 2 + 4 * 12 + 4
    entries = [(256, 3, 1, 64), (257, 3, 1, 64), (273, 1, count, strips), (279, 1, count, strips)]
    head = struct.pack("<2sHI H", b"II", 42, 8, len(entries)) + b"".join(
        struct.pack("<HHII", *each) for each in entries
    )
    path = tmp_path / "a.tif"
    path.write_bytes(head + bytes(4) + bytes(count))
    with pytest.raises(InputError, match="a tag of 1048577 numbers"):
        decode_image(path)


def test_no_picture_imports_pydicom(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", scan(1))
    script = (
        "import sys; from pathlib import Path; from edge_nt.imaging.decode import decode_image;"
        f"decode_image(Path({str(path)!r})); sys.exit('pydicom' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
