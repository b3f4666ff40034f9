"""JPEG files: what their headers get wrong without harm, and damage that has to be heard behind it."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from scan_folders import refusal, save, scan

from edge_nt.imaging.decode import decode_image

COLOUR = np.stack([scan(seed) for seed in (3, 4, 5)], axis=-1)


def test_jpeg_is_close_to_what_was_saved(tmp_path: Path) -> None:
    pixels = decode_image(save(tmp_path / "a.jpg", scan(1))).pixels
    assert np.abs(pixels.astype(int) - scan(1)).mean() < 3


def test_jpeg_orientation_is_left_alone(tmp_path: Path) -> None:
    data = save(tmp_path / "a.jpg", scan(1, 100, 140)).read_bytes()
    # One EXIF entry: Orientation = 6, turn by 90 degrees on display. Boxes are in stored pixels.
    exif = (
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
    )
    (tmp_path / "a.jpg").write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    assert decode_image(tmp_path / "a.jpg").pixels.shape == (100, 140)


def test_jpeg_with_its_middle_missing_is_refused_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = save(tmp_path / "a.jpg", scan(1))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xff\xd9")
    assert "damaged JPEG" in refusal(path)
    assert capfd.readouterr() == ("", "")


def harmless_faults(whole: bytes) -> dict[str, bytes]:
    """Headers that devices write and libjpeg complains of, though it decodes the same pixels."""
    jfif, scan_header = bytearray(whole), bytearray(whole)
    jfif[11] = 2
    start = whole.index(b"\xff\xda")
    end = start + 2 + int.from_bytes(whole[start + 2 : start + 4], "big")
    scan_header[end - 2] = 0
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x07"
    no_jfif = whole[:2] + adobe + whole[4 + int.from_bytes(whole[4:6], "big") :]
    return {"JFIF 2": bytes(jfif), "no last coefficient": bytes(scan_header), "Adobe 7": no_jfif}


@pytest.mark.parametrize("fault", ["JFIF 2", "no last coefficient", "Adobe 7"])
@pytest.mark.parametrize("pixels", [scan(1), COLOUR], ids=["gray", "colour"])
def test_a_harmless_fault_of_a_jpeg_is_passed_over_and_hides_no_damage(
    tmp_path: Path, fault: str, pixels: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    # libjpeg prints its first warning alone: whatever follows it would go unheard.
    path = save(tmp_path / "a.jpg", pixels)
    decoded, faulty = decode_image(path).pixels, harmless_faults(path.read_bytes())[fault]
    path.write_bytes(faulty)
    np.testing.assert_array_equal(decode_image(path).pixels, decoded)
    path.write_bytes(faulty[: len(faulty) // 2] + b"\xff\xd9")
    assert "damaged JPEG" in refusal(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("components", "transform"), [(3, 2), (4, 1), (4, 7)])
def test_a_transform_of_adobe_that_the_components_do_not_have_is_passed_over(
    tmp_path: Path, components: int, transform: int, capfd: pytest.CaptureFixture[str]
) -> None:
    # Its marker stands before the one that says how many components there are.
    pixels = np.stack([scan(seed) for seed in range(components)], axis=-1)
    data = jpeg_of(pixels)
    place = data.index(b"Adobe") + 11
    known = decoded(tmp_path, data[:place] + bytes([1 if components == 3 else 2]) + data[place + 1 :])
    np.testing.assert_array_equal(decoded(tmp_path, data[:place] + bytes([transform]) + data[place + 1 :]), known)
    assert capfd.readouterr() == ("", "")


def jpeg_of(pixels: np.ndarray) -> bytes:
    """A JPEG of 3 or 4 components with the marker of Adobe, and without that of JFIF."""
    data = imagecodecs.jpeg8_encode(
        pixels,
        colorspace="RGB" if pixels.shape[2] == 3 else "CMYK",
        outcolorspace="YCBCR" if pixels.shape[2] == 3 else "YCCK",
    )
    if b"JFIF" in data[:16]:
        data = data[:2] + data[4 + int.from_bytes(data[4:6], "big") :]
    if b"Adobe" not in data:
        data = data[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01" + data[2:]
    return data


def decoded(folder: Path, data: bytes) -> np.ndarray:
    (folder / "a.jpg").write_bytes(data)
    return decode_image(folder / "a.jpg").pixels
