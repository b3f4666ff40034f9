"""Single-frame DICOM → one gray frame with its pixel spacing. Imported only when a DICOM file is met.

Follows DICOM PS3.3: C.7.6.3 (pixels), C.11.1 and C.11.2 (modality and VOI LUT), C.8.5.5 (ultrasound regions).
JPEG and 8-bit JPEG 2000 are decoded by OpenCV, so that a cart needs no further package; what else is compressed goes
through pydicom.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import get_frame
from pydicom.filereader import read_dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array

from edge_nt.errors import EdgeNtError, InputError, MissingDependencyError
from edge_nt.imaging.frame import Frame
from edge_nt.imaging.picture import decode_picture, refuse_huge, to_gray

_GRAY = ("MONOCHROME1", "MONOCHROME2")
_YBR = ("YBR_FULL", "YBR_FULL_422")
_COLOUR = ("RGB", *_YBR, "YBR_RCT", "YBR_ICT")
_PALETTE = "PALETTE COLOR"
_JPEG_2000 = (uid.JPEG2000, uid.JPEG2000Lossless)
_META_START, _META_GROUP = 132, 0x0002

# Sequence of Ultrasound Regions: 2-D image, and centimetres along the axis.
_FORMAT_2D, _UNITS_CM = 1, 3
_MM_PER_CM = 10.0
# One frame has one spacing: axes or regions that differ by more have none that could be stated.
_ISOTROPIC = 0.01


def decode_dicom(data: bytes, source: str) -> Frame:
    """Decode the bytes of a single-frame DICOM file; `source` is the name that errors and the frame carry.

    MONOCHROME1 is inverted, RGB, YBR and palette colour become luma, modality and VOI LUT apply above 8 bits.
    `mm_per_px` comes from the ultrasound regions, else from PixelSpacing, and is None where the two axes differ by
    more than 1 % or nothing is stated.

    Raises: InputError for a file that is multi-frame, damaged or not an image; MissingDependencyError for a
    compression whose decoder is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = _read(data)
            return Frame(_gray(dataset, source), source, _mm_per_px(dataset))
    except EdgeNtError:
        raise
    except Exception as error:
        # pydicom parses lazily and answers a hostile file with whatever its parser trips over, from struct.error to
        # AttributeError: to the user all of them are a file that cannot be read.
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise InputError(
            expected="a whole single-frame DICOM image",
            got=f"{source}: {reason}",
            fix="export the frame again from the scanner or archive, or leave it out",
        ) from error


def _read(data: bytes) -> Any:
    _refuse_deflated(data)
    dataset = pydicom.dcmread(BytesIO(data))
    if "PixelData" not in dataset:
        raise ValueError("DICOM without pixel data, or truncated before it")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise ValueError(f"DICOM of {frames} frames (only single-frame files are read)")
    refuse_huge(int(dataset.Rows), int(dataset.Columns))
    if dataset.BitsAllocated not in (8, 16):
        raise ValueError(f"DICOM of {dataset.BitsAllocated} bits a sample (expected 8 or 16)")
    return dataset


def _refuse_deflated(data: bytes) -> None:
    # Such a file is inflated as a whole before any size in it can be read: a few kilobytes may become gigabytes.
    meta = BytesIO(data)
    meta.seek(_META_START)
    elements = read_dataset(meta, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != _META_GROUP)
    if elements.get("TransferSyntaxUID") == uid.DeflatedExplicitVRLittleEndian:
        raise ValueError("deflated DICOM (store it uncompressed)")


def _gray(dataset: Any, source: str) -> NDArray[np.uint8]:
    interpretation = str(dataset.PhotometricInterpretation)
    if interpretation not in (*_GRAY, *_COLOUR, _PALETTE):
        raise ValueError(f"DICOM with photometric interpretation {interpretation} (expected gray, RGB, YBR or palette)")
    if _opencv_decodes(dataset, interpretation):
        pixels = decode_picture(get_frame(dataset.PixelData, 0, number_of_frames=1))
        if pixels.shape != (dataset.Rows, dataset.Columns):
            raise ValueError(f"DICOM of {dataset.Columns}x{dataset.Rows} px around a picture of another size")
    else:
        pixels = _gray_by_pydicom(dataset, interpretation, source)
    return np.asarray(255 - pixels, np.uint8) if interpretation == "MONOCHROME1" else pixels


def _opencv_decodes(dataset: Any, interpretation: str) -> bool:
    if dataset.BitsStored != 8 or dataset.PixelRepresentation != 0:
        return False
    syntax = dataset.file_meta.TransferSyntaxUID
    # libjpeg guesses the colour space from markers; for RGB inside JPEG only the DICOM header knows it.
    in_jpeg = syntax == uid.JPEGBaseline8Bit and interpretation in (*_GRAY, *_YBR)
    return in_jpeg or (syntax in _JPEG_2000 and interpretation in (*_GRAY, "RGB", "YBR_RCT", "YBR_ICT"))


def _gray_by_pydicom(dataset: Any, interpretation: str, source: str) -> NDArray[np.uint8]:
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_compressed and not get_decoder(syntax).is_available:
        raise MissingDependencyError(
            expected=f"a decoder for {syntax.name}",
            got=f"none installed, met in {source}",
            fix="pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg, or store the frame uncompressed",
        )
    stored = pixel_array(dataset)
    if interpretation == _PALETTE:
        colours = apply_color_lut(stored, dataset)
        return to_gray(colours, white=int(np.iinfo(colours.dtype).max), rgb=True)
    if interpretation in _COLOUR:
        return to_gray(stored, white=2 ** int(dataset.BitsStored) - 1, rgb=True)
    if dataset.BitsStored == 8 and dataset.PixelRepresentation == 0:
        return np.asarray(stored, np.uint8)
    return _displayed(stored, dataset)


def _displayed(stored: NDArray[Any], dataset: Any) -> NDArray[np.uint8]:
    values = np.asarray(apply_voi_lut(apply_modality_lut(stored, dataset), dataset), np.float64)
    black, white = _display_range(dataset)
    return np.rint(np.clip((values - black) / (white - black), 0.0, 1.0) * 255.0).astype(np.uint8)


def _display_range(dataset: Any) -> tuple[float, float]:
    """The values shown as black and as white after the two LUTs: the whole range that they can give."""
    for sequence in ("VOILUTSequence", "ModalityLUTSequence"):
        if dataset.get(sequence):
            return 0.0, 2.0 ** int(dataset[sequence][0].LUTDescriptor[2]) - 1
    span = 2.0 ** int(dataset.BitsStored)
    low, high = (-span / 2, span / 2 - 1) if dataset.PixelRepresentation else (0.0, span - 1)
    if dataset.get("RescaleSlope") is None or dataset.get("RescaleIntercept") is None:
        return low, high
    slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
    black, white = sorted((low * slope + intercept, high * slope + intercept))
    return black, white


def _mm_per_px(dataset: Any) -> float | None:
    regions = [
        spacing
        for region in dataset.get("SequenceOfUltrasoundRegions") or ()
        if region.get("RegionSpatialFormat") == _FORMAT_2D
        and region.get("PhysicalUnitsXDirection") == region.get("PhysicalUnitsYDirection") == _UNITS_CM
        for spacing in (region.PhysicalDeltaX * _MM_PER_CM, region.PhysicalDeltaY * _MM_PER_CM)
    ]
    spacings = [abs(float(spacing)) for spacing in regions or dataset.get("PixelSpacing") or ()]
    if not spacings or not all(np.isfinite(spacing) and spacing > 0 for spacing in spacings):
        return None
    return float(np.mean(spacings)) if max(spacings) <= min(spacings) * (1 + _ISOTROPIC) else None
