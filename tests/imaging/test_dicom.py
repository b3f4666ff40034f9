"""DICOM frames, against pydicom's own files and files written here."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from dicom_files import region, regions, rle_frame, tissue_region, write_dicom
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import JPEGBaseline8Bit, RLELossless
from scan_folders import scan

from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image

LUMA_RGB = np.array([0.299, 0.587, 0.114])


def test_multi_frame_ultrasound_is_refused() -> None:
    with pytest.raises(InputError, match=r"single-frame.*examples_ybr_color.*30 frames"):
        decode_image(Path(get_testdata_file("examples_ybr_color.dcm", download=False)))


def test_jpeg_inside_dicom_is_the_jpeg(tmp_path: Path) -> None:
    encoded = cv2.imencode(".jpg", scan(4))[1]
    path = write_dicom(tmp_path / "a", scan(4), syntax=JPEGBaseline8Bit, PixelData=encapsulate([encoded.tobytes()]))
    np.testing.assert_array_equal(decode_image(path).pixels, cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE))
    half = encoded.tobytes()[: encoded.size // 4 * 2]
    path = write_dicom(tmp_path / "b", scan(4), syntax=JPEGBaseline8Bit, PixelData=encapsulate([half]))
    with pytest.raises(InputError, match="truncated JPEG"):
        decode_image(path)


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a", scan(1), PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(decode_image(path).pixels, 255 - scan(1))


def test_ybr_becomes_its_luma(tmp_path: Path) -> None:
    rgb = np.stack([scan(seed) for seed in (1, 2, 3)], axis=-1)
    path = write_dicom(
        tmp_path / "a", convert_color_space(rgb, "RGB", "YBR_FULL"), PhotometricInterpretation="YBR_FULL"
    )
    assert np.abs(decode_image(path).pixels - rgb @ LUMA_RGB).max() <= 2.0


def test_bits_stored_scale_to_eight_bits(tmp_path: Path) -> None:
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    pixels = decode_image(write_dicom(tmp_path / "a", values, BitsStored=12, HighBit=11)).pixels
    np.testing.assert_array_equal(pixels, np.rint(values / 4095 * 255))


def test_window_and_rescale_apply_above_eight_bits(tmp_path: Path) -> None:
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    stored = {"BitsStored": 12, "HighBit": 11, "RescaleSlope": 2, "RescaleIntercept": -1000}
    path = write_dicom(tmp_path / "a", values, **stored, WindowCenter=1000, WindowWidth=2000)
    # PS3.3 C.11.2.1.2.1, LINEAR: x in (c - 0.5 - (w - 1)/2, c - 0.5 + (w - 1)/2] rises from black to white.
    modality = values * 2.0 - 1000
    expected = np.clip((modality - 999.5) / 1999 + 0.5, 0, 1) * 255
    assert np.abs(decode_image(path).pixels - expected).max() <= 0.51


@pytest.mark.parametrize(
    ("elements", "mm_per_px"),
    [
        ({}, None),
        ({"PixelSpacing": [0.2, 0.2]}, 0.2),
        ({"PixelSpacing": [0.2, 0.21]}, None),
        ({"PixelSpacing": [-0.2, -0.2]}, None),
        ({"PixelSpacing": ["nan", "nan"]}, None),
        ({"PixelSpacing": 0.2}, None),
        ({"PixelSpacing": [100, 100]}, None),
        (regions(region(0.00001, 0.00001)), None),
        ({"PixelSpacing": None}, None),
        (regions(region(0.01, 0.01)) | {"PixelSpacing": [9, 9]}, 0.1),
        (regions(region(-0.01, 0.01005)), 0.10025),
        (regions(region(0.01, 0.02)), None),
        (regions(region(float("nan"), 0.01)), None),
        (regions(region(float("inf"), float("inf"))), None),
        (regions(region(0.0, 0.0)), None),
        (regions(region(0.01, 0.01), region(0.02, 0.02)), None),
        (regions(region(0.01, 0.01, units=4)) | {"PixelSpacing": [0.3, 0.3]}, 0.3),
        (regions(region(0.01, 0.01), region(5, 5, spatial_format=3)), 0.1),
        # The one tissue region gives the spacing, whatever a colour box or an inset beside it says.
        (regions(tissue_region(0, 0, 9, 9, 0.01), tissue_region(10, 0, 15, 9, 0.02, data_type=2)), 0.1),
    ],
)
def test_pixel_spacing(tmp_path: Path, elements: dict[str, object], mm_per_px: float | None) -> None:
    spacing = decode_image(write_dicom(tmp_path / "a", scan(1, 16, 16), **elements)).mm_per_px
    assert spacing == (None if mm_per_px is None else pytest.approx(mm_per_px))


def test_truncated_dicom_is_refused_at_every_length(tmp_path: Path) -> None:
    whole = write_dicom(tmp_path / "a", scan(1, 12, 16)).read_bytes()
    cut = tmp_path / "cut"
    for length in range(1, len(whole), 3):
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError, match=str(cut)):
            decode_image(cut)


def test_bad_dicom_is_refused(tmp_path: Path) -> None:
    huge = write_dicom(tmp_path / "huge", scan(1, 8, 8), Rows=60000, Columns=60000)
    with pytest.raises(InputError, match="64 megapixels"):
        decode_image(huge)
    with pytest.raises(InputError, match="deflated"):
        decode_image(Path(get_testdata_file("image_dfl.dcm", download=False)))
    with pytest.raises(InputError, match="32 bits"):
        decode_image(write_dicom(tmp_path / "deep", scan(1, 8, 8).astype(np.uint32)))
    hsv = write_dicom(tmp_path / "hsv", scan(1, 8, 8), PhotometricInterpretation="HSV")
    with pytest.raises(InputError, match="HSV"):
        decode_image(hsv)


def test_a_wrong_high_bit_of_whole_bytes_changes_nothing(tmp_path: Path) -> None:
    for high_bit in (0, 15):
        pixels = decode_image(write_dicom(tmp_path / "a", scan(1), HighBit=high_bit)).pixels
        np.testing.assert_array_equal(pixels, scan(1))


@pytest.mark.parametrize("run_length", [False, True])
def test_samples_that_do_not_stand_in_the_lowest_bits_are_refused(tmp_path: Path, run_length: bool) -> None:
    values = scan(1).astype(np.uint16) << 8
    elements: dict[str, object] = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 15, "PixelData": values.tobytes()}
    if run_length:
        planes = [(values >> 8).astype(np.uint8).tobytes(), (values & 255).astype(np.uint8).tobytes()]
        elements |= {"syntax": RLELossless, "PixelData": encapsulate([rle_frame(planes)])}
    with pytest.raises(InputError, match="12 bits a sample up to bit 15"):
        decode_image(write_dicom(tmp_path / "a", scan(1), **elements))
