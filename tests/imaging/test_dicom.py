"""DICOM frames, against pydicom's own files and files written here."""

from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import convert_color_space
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, JPEGLSLossless, UltrasoundImageStorage, generate_uid
from scan_folders import scan

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.decode import decode_image

LUMA_RGB = np.array([0.299, 0.587, 0.114])


def bundled(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name} is not bundled with this pydicom")
    return Path(path)


def write_dicom(path: Path, pixels: np.ndarray, **elements: object) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = elements.pop("syntax", ExplicitVRLittleEndian)
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    dataset.BitsAllocated = dataset.BitsStored = pixels.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def region(delta_x_cm: float, delta_y_cm: float, *, units: int = 3, spatial_format: int = 1) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat = spatial_format
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = units
    item.PhysicalDeltaX, item.PhysicalDeltaY = delta_x_cm, delta_y_cm
    return item


def test_palette_ultrasound_has_its_region_spacing() -> None:
    path = bundled("examples_palette.dcm")
    frame = decode_image(path)
    assert frame.pixels.shape == (350, 800)
    # The file states 0.02622878766196998 cm a pixel in its 2-D region; its ECG region is in other units.
    assert frame.mm_per_px == pytest.approx(0.2622878766)
    dataset = pydicom.dcmread(path)
    table = [
        np.frombuffer(getattr(dataset, f"{name}PaletteColorLookupTableData"), "<u2").astype(float) / 257
        for name in ("Red", "Green", "Blue")
    ]
    stored = np.frombuffer(dataset.PixelData, np.uint8)[: 350 * 800].reshape(350, 800)
    luma = np.stack([channel[stored] for channel in table], axis=-1) @ LUMA_RGB
    assert np.abs(frame.pixels - luma).max() <= 1.5


def test_rgb_ultrasound_becomes_luma() -> None:
    path = bundled("examples_rgb_color.dcm")
    reference = pydicom.dcmread(path).pixel_array @ LUMA_RGB
    frame = decode_image(path)
    assert frame.pixels.shape == (240, 320)
    assert np.abs(frame.pixels - reference).max() <= 1.0


def test_jpeg_2000_ultrasound_is_decoded_without_a_plugin() -> None:
    path = bundled("examples_jpeg2k.dcm")
    pytest.importorskip("PIL", reason="the reference decoder is pydicom's with Pillow")
    reference = pydicom.dcmread(path).pixel_array @ LUMA_RGB
    assert np.abs(decode_image(path).pixels - reference).max() <= 1.0


def test_multi_frame_ultrasound_is_refused() -> None:
    with pytest.raises(InputError, match=r"examples_ybr_color.*30 frames.*single-frame"):
        decode_image(bundled("examples_ybr_color.dcm"))


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
        ({"SequenceOfUltrasoundRegions": Sequence([region(0.01, 0.01)]), "PixelSpacing": [9, 9]}, 0.1),
        ({"SequenceOfUltrasoundRegions": Sequence([region(-0.01, 0.01005)])}, 0.10025),
        ({"SequenceOfUltrasoundRegions": Sequence([region(0.01, 0.02)])}, None),
        ({"SequenceOfUltrasoundRegions": Sequence([region(0.01, 0.01), region(0.02, 0.02)])}, None),
        ({"SequenceOfUltrasoundRegions": Sequence([region(0.01, 0.01, units=4)]), "PixelSpacing": [0.3, 0.3]}, 0.3),
        ({"SequenceOfUltrasoundRegions": Sequence([region(0.01, 0.01), region(5, 5, spatial_format=3)])}, 0.1),
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
        decode_image(bundled("image_dfl.dcm"))
    with pytest.raises(InputError, match="32 bits"):
        decode_image(write_dicom(tmp_path / "deep", scan(1, 8, 8).astype(np.uint32)))
    hsv = write_dicom(tmp_path / "hsv", scan(1, 8, 8), PhotometricInterpretation="HSV")
    with pytest.raises(InputError, match="HSV"):
        decode_image(hsv)


def test_missing_decoder_is_a_missing_dependency(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a", scan(1, 8, 8), syntax=JPEGLSLossless, PixelData=encapsulate([b"\xff\xd8" * 8]))
    if pydicom.pixels.decoders.base.get_decoder(JPEGLSLossless).is_available:
        pytest.skip("a JPEG-LS decoder is installed")
    with pytest.raises(MissingDependencyError, match="JPEG-LS"):
        decode_image(path)
