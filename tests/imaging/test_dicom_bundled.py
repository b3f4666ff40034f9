"""Every image file that comes with pydicom, against pydicom's own decoding."""

import re
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

from edge_nt.errors import EdgeNtError
from edge_nt.imaging.dicom import open_dicom
from edge_nt.imaging.frame import PixelBox

LUMA_RGB = np.array([0.299, 0.587, 0.114])
ULTRASOUND = {
    "ExplVR_BigEnd.dcm": 1,
    "examples_jpeg2k.dcm": 1,
    "examples_palette.dcm": 1,
    "examples_rgb_color.dcm": 1,
    "examples_ybr_color.dcm": 30,
}
# A lossless decoder gives the luma that the formula does, but for the rounding to 8 bits: 0.5, and 0.01 for the
# fixed-point weights of OpenCV. Two JPEG decoders may differ by 1 a sample, and YBR to RGB rounds once more each.
LOSSLESS_TOLERANCE, JPEG_TOLERANCE = 0.51, 2.5
REFUSED = {
    "1 bits a sample": {"liver_1frame.dcm", "liver_expb_1frame.dcm"},
    "32 bits a sample": {
        *("SC_rgb_rle_32bit.dcm", "SC_rgb_rle_32bit_2frame.dcm", "rtdose.dcm", "rtdose_1frame.dcm", "rtdose_rle.dcm"),
        *("rtdose_expb.dcm", "rtdose_expb_1frame.dcm", "rtdose_rle_1frame.dcm"),
    },
    "truncated DICOM": {"MR_truncated.dcm"},
    "deflated": {"image_dfl.dcm"},
    "invalid literal": {"badVR.dcm"},
    "names no transfer syntax": {"meta_missing_tsyntax.dcm"},
    "0x0 px": {"nested_priv_SQ.dcm"},
    "no JPEG 2000 codestream": {"GDCMJ2K_TextGBR.dcm"},
    # Its codestream header says so; pydicom does not decode it either.
    "around a picture of": {"JPEG2000-embedded-sequence-delimiter.dcm"},
    # No decoder here reads this one, libjpeg, openjpeg and Pillow alike.
    "exceptions were raised by all": {"JPEG-lossy.dcm"},
}


@cache
def bundled() -> dict[str, Path]:
    """The files with pixel data, by name."""
    found = {}
    for path in sorted((Path(pydicom.__file__).parent / "data").rglob("*")):
        if path.is_file() and path.read_bytes()[128:132] == b"DICM" and has_pixels(path):
            found[path.name] = path
    return found


def has_pixels(path: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return "PixelData" in pydicom.dcmread(path)


def luma_of(path: Path, index: int) -> np.ndarray:
    """Gray in [0, 255] as float, from pydicom's decoders and LUTs."""
    dataset = pydicom.dcmread(path)
    stored = pixel_array(dataset, index=index)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(stored, dataset)
        return colours / np.iinfo(colours.dtype).max * 255 @ LUMA_RGB
    white = 2.0**dataset.BitsStored - 1
    if stored.ndim == 3:
        return stored / white * 255 @ LUMA_RGB
    low = -(2.0 ** (dataset.BitsStored - 1)) if dataset.PixelRepresentation else 0.0
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    shown = apply_voi_lut(apply_modality_lut(stored, dataset), dataset).astype(float)
    gray = np.clip((shown - (low * slope + intercept)) / (white * slope), 0, 1) * 255
    return 255 - gray if dataset.PhotometricInterpretation == "MONOCHROME1" else gray


def decoded(path: Path, name: str) -> list[np.ndarray] | str:
    try:
        file = open_dicom(path, name)
        return [file.frame(index).pixels for index in range(file.frames)]
    except EdgeNtError as error:
        return str(error)


def is_ultrasound(path: Path) -> bool:
    header = pydicom.dcmread(path, stop_before_pixels=True)
    return header.get("Modality") == "US" or "Ultrasound" in pydicom.uid.UID(header.get("SOPClassUID", "")).name


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_every_ultrasound_file_of_pydicom_is_known_here() -> None:
    assert {name for name, path in bundled().items() if is_ultrasound(path)} == set(ULTRASOUND)


@pytest.mark.parametrize("name", ULTRASOUND)
def test_ultrasound_is_what_pydicom_decodes(name: str) -> None:
    path = bundled()[name]
    file = open_dicom(path, name)
    assert file.frames == ULTRASOUND[name]
    tolerance = JPEG_TOLERANCE if name == "examples_ybr_color.dcm" else LOSSLESS_TOLERANCE
    for index in {0, file.frames // 2, file.frames - 1}:
        assert np.abs(file.frame(index).pixels - luma_of(path, index)).max() <= tolerance


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_all_other_images_are_what_pydicom_decodes_or_are_refused_in_one_line() -> None:
    refused: dict[str, str] = {}
    for name, path in bundled().items():
        frames = decoded(path, name)
        if isinstance(frames, str):
            refused[name] = frames
            continue
        lossy = "JPEG" in pydicom.dcmread(path).file_meta.TransferSyntaxUID.name
        for index, pixels in enumerate(frames):
            difference = np.abs(pixels - luma_of(path, index))
            assert difference.max() <= (JPEG_TOLERANCE if lossy else LOSSLESS_TOLERANCE), name
    expected = {name: reason for reason, names in REFUSED.items() for name in names}
    missing = {name for name, line in refused.items() if "edge-nt[cart]" in line}
    assert refused.keys() - missing == expected.keys() - missing
    assert all(expected[name] in refused[name] for name in expected.keys() - missing), refused
    assert not any("\n" in line for line in refused.values())


def test_a_region_that_the_frame_no_longer_holds_is_not_believed() -> None:
    # pydicom's copy of this SonoSite cine was halved to 320x240 px and its header kept: the region ends at (595, 414),
    # and 0.51 mm a pixel is half of what is true of these pixels.
    path = bundled()["examples_ybr_color.dcm"]
    header = pydicom.dcmread(path, stop_before_pixels=True)
    assert header.SequenceOfUltrasoundRegions[0].RegionLocationMaxX1 == 595
    assert header.Columns == 320
    file = open_dicom(path, "a")
    assert (file.scale.mm_per_px, file.scale.region) == (None, None)
    np.testing.assert_allclose(file.times_s, np.arange(30) * 0.033333, atol=1e-9)


def test_a_frame_that_was_only_cut_keeps_its_spacing() -> None:
    # pydicom's copy was cut below row 350; its tissue region ends at row 518, and still at column 800 of 800.
    scale = open_dicom(bundled()["examples_palette.dcm"], "a").scale
    assert scale.mm_per_px == pytest.approx(0.2622878766)
    assert scale.region == PixelBox(60, 120, 350, 800)


def test_nothing_of_a_patient_is_read() -> None:
    file = open_dicom(bundled()["examples_palette.dcm"], "a")
    assert "PatientName" in pydicom.dcmread(bundled()["examples_palette.dcm"])
    assert not [element for element in file._header.elements if element.tag.group == 0x0010]


def test_a_missing_plugin_is_named_and_ultrasound_needs_none() -> None:
    # In a process of its own, where the packages that decode for pydicom cannot be imported.
    script = (
        "import sys\n"
        "for name in ('pylibjpeg', 'libjpeg', 'openjpeg', 'rle', 'PIL', 'gdcm', 'jpeg_ls'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from edge_nt.errors import MissingDependencyError\n"
        "from edge_nt.imaging.dicom import open_dicom\n"
        "for path in map(Path, sys.argv[2:]): open_dicom(path, path.name).frame(0)\n"
        "try: open_dicom(Path(sys.argv[1]), 'a').frame(0)\n"
        "except MissingDependencyError as error: print(error)\n"
    )
    paths = [str(bundled()[name]) for name in ("MR_small_jpeg_ls_lossless.dcm", *ULTRASOUND, "MR_small_RLE.dcm")]
    done = subprocess.run([sys.executable, "-c", script, *paths], capture_output=True, check=True, text=True)
    assert re.search(r"JPEG-LS.*pip install 'edge-nt\[cart\]'", done.stdout), done.stdout
