"""TIFF files that OpenCV decodes otherwise than they are stored: refused, each with its reason; their kin are read."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scan_folders import save, scan

from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image

GRAY = scan(1, 100, 140)
COLOUR = np.stack([scan(seed, 100, 140) for seed in (1, 2, 3)], axis=-1)


def write(path: Path, pixels: np.ndarray, **layout: object) -> Path:
    tifffile.imwrite(path, pixels, **layout)
    return path


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        decode_image(path)
    return str(caught.value)


@pytest.mark.parametrize("orientation", range(1, 10))
def test_a_turned_picture_is_refused_since_boxes_are_in_stored_pixels(tmp_path: Path, orientation: int) -> None:
    path = write(tmp_path / "a.tif", GRAY, extratags=[(274, "H", 1, orientation, True)])
    if orientation == 1:
        np.testing.assert_array_equal(decode_image(path).pixels, GRAY)
    else:
        assert f"orientation tag, {orientation} (store it upright)" in refused(path)


def test_zero_as_white_is_read_in_eight_bits_and_refused_in_sixteen(tmp_path: Path) -> None:
    path = write(tmp_path / "8.tif", 255 - GRAY, photometric="miniswhite")
    np.testing.assert_array_equal(decode_image(path).pixels, GRAY)
    path = write(tmp_path / "16.tif", (255 - GRAY).astype(np.uint16) * 257, photometric="miniswhite")
    assert "0 is white" in refused(path)


def test_separate_planes_are_read_in_eight_bits_and_refused_in_sixteen(tmp_path: Path) -> None:
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])
    planes = {"photometric": "rgb", "planarconfig": "separate"}
    path = write(tmp_path / "8.tif", np.moveaxis(COLOUR, -1, 0), **planes)
    assert np.abs(decode_image(path).pixels - luma).max() <= 1
    path = write(tmp_path / "16.tif", np.moveaxis(COLOUR, -1, 0).astype(np.uint16) * 257, **planes)
    assert "separate planes" in refused(path)
    # Of one sample the tag says nothing (TIFF 6.0).
    path = save(tmp_path / "gray.tif", GRAY.astype(np.uint16) * 257)
    together, separate = (struct.pack("<HHIH", 284, 3, 1, value) for value in (1, 2))
    assert path.read_bytes().count(together) == 1
    path.write_bytes(path.read_bytes().replace(together, separate))
    np.testing.assert_array_equal(decode_image(path).pixels, GRAY)


@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
def test_alpha_is_dropped_where_all_is_opaque_and_refused_where_it_changes_colours(tmp_path: Path, alpha: str) -> None:
    layout = {"photometric": "rgb", "extrasamples": [alpha]}
    pixels = np.concatenate([np.repeat(GRAY[..., None], 3, axis=-1), np.full((100, 140, 1), 255, np.uint8)], axis=-1)
    np.testing.assert_array_equal(decode_image(write(tmp_path / "opaque.tif", pixels, **layout)).pixels, GRAY)
    pixels[40, 50, 3] = 254
    assert "transparent pixels" in refused(write(tmp_path / "a.tif", pixels, **layout))
    # With 16 bits the colours come as they are stored.
    path = write(tmp_path / "16.tif", pixels.astype(np.uint16) * 257, **layout)
    np.testing.assert_array_equal(decode_image(path).pixels, GRAY)
