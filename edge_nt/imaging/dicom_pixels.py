"""The stored values of one DICOM frame → gray uint8 (PS3.3 C.7.6.3 pixels, C.11.1 and C.11.2 modality and VOI LUT).

JPEG Baseline and 8-bit JPEG 2000 are decoded by OpenCV, so that a cart needs no further package; what else is
compressed goes through pydicom.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

from edge_nt.errors import MissingDependencyError
from edge_nt.imaging.dicom_codestream import JPEG_2000, refuse_other_size, refuse_rle_bomb, with_rgb_marker
from edge_nt.imaging.dicom_header import DicomHeader
from edge_nt.imaging.picture import decode_picture, to_gray

_GRAY = ("MONOCHROME1", "MONOCHROME2")
_YBR = ("YBR_FULL", "YBR_FULL_422")
_COLOUR = ("RGB", *_YBR, "YBR_RCT", "YBR_ICT")
_PALETTE = "PALETTE COLOR"
_NATIVE = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)
# Decoded by OpenCV or pydicom alone, or with the packages that a message then names.
_READ = (*_NATIVE, uid.RLELossless, uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1)
_SYNTAXES = (*_READ, *uid.JPEGLSTransferSyntaxes, *JPEG_2000)


def decodable_syntaxes() -> tuple[uid.UID, ...]:
    """The transfer syntaxes whose frames this machine decodes, with OpenCV or what is installed beside pydicom."""
    by_opencv = (uid.JPEGBaseline8Bit, uid.JPEG2000Lossless, uid.JPEG2000)
    return tuple(syntax for syntax in _SYNTAXES if syntax in (*_NATIVE, *by_opencv) or get_decoder(syntax).is_available)


def refuse_undecodable(header: DicomHeader) -> None:
    """Raises: ValueError for what no frame of the file can be decoded from.

    A transfer syntax or a photometric interpretation that is none of those known here, or samples that do not stand in
    the lowest bits of their cells.
    """
    if header.syntax not in _SYNTAXES:
        kind = "video" if "MPEG" in header.syntax.name or "HEVC" in header.syntax.name else "pixel data"
        raise ValueError(f"DICOM {kind} in {header.syntax.name} (export it as JPEG, uncompressed or as a video file)")
    interpretation, samples = _interpretation(header), int(header.elements.SamplesPerPixel)
    if interpretation not in (*_GRAY, *_COLOUR, _PALETTE):
        raise ValueError(f"DICOM with photometric interpretation {interpretation} (expected gray, RGB, YBR or palette)")
    if samples != (3 if interpretation in _COLOUR else 1):
        raise ValueError(f"DICOM with photometric interpretation {interpretation} and {samples} samples a pixel")
    stored, allocated = header.elements.BitsStored, header.elements.BitsAllocated
    high_bit = header.elements.get("HighBit")
    whole_cells = is_native(header) or header.syntax == uid.RLELossless
    if whole_cells and high_bit is not None and stored <= high_bit < allocated:
        # An older form of the standard had room for such; pydicom reads them as if they stood in the lowest bits.
        raise ValueError(f"DICOM of {stored} bits a sample up to bit {high_bit} (expected the lowest ones)")


def is_native(header: DicomHeader) -> bool:
    """Whether frames are stored as they are, one after another."""
    return header.syntax in _NATIVE


def gray_native(header: DicomHeader, stream: BinaryIO, index: int) -> NDArray[np.uint8]:
    """Frame `index` of uncompressed pixel data as gray uint8 (H, W); only its bytes are read."""
    stream.seek(header.value_start)
    return _inverted(header, _gray(header, _stored(header, stream, header.frames, index)))


def gray_compressed(header: DicomHeader, data: bytes, name: str) -> NDArray[np.uint8]:
    """One compressed frame as gray uint8 (H, W). Raises: ValueError; MissingDependencyError without its decoder."""
    interpretation = _interpretation(header)
    if header.syntax == uid.RLELossless:
        sample_bytes = int(header.elements.BitsAllocated) // 8
        refuse_rle_bomb(data, int(header.elements.SamplesPerPixel) * sample_bytes, header.height * header.width)
    else:
        refuse_other_size(data, header.syntax, header.height, header.width)
    if _opencv_decodes(header):
        in_jpeg_rgb = header.syntax == uid.JPEGBaseline8Bit and interpretation == "RGB"
        pixels = decode_picture(with_rgb_marker(data) if in_jpeg_rgb else data)
        return _inverted(header, pixels)
    if not get_decoder(header.syntax).is_available:
        raise MissingDependencyError(
            expected=f"a decoder for {header.syntax.name}",
            got=f"none installed, met in {name}",
            fix="pip install 'edge-nt[cart]', or store the frame uncompressed",
        )
    return _inverted(header, _gray(header, _stored(header, encapsulate([data]), 1, 0)))


def _interpretation(header: DicomHeader) -> str:
    return str(header.elements.PhotometricInterpretation)


def _inverted(header: DicomHeader, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(255 - pixels, np.uint8) if _interpretation(header) == "MONOCHROME1" else pixels


def _opencv_decodes(header: DicomHeader) -> bool:
    interpretation = _interpretation(header)
    if header.elements.BitsStored != 8 or header.elements.PixelRepresentation != 0 or interpretation == _PALETTE:
        return False
    return header.syntax == uid.JPEGBaseline8Bit or (
        header.syntax in (uid.JPEG2000Lossless, uid.JPEG2000) and interpretation not in _YBR
    )


def _stored(header: DicomHeader, source: BinaryIO | bytes, frames: int, index: int) -> NDArray[Any]:
    elements = header.elements
    options = {
        "rows": header.height,
        "columns": header.width,
        "samples_per_pixel": elements.SamplesPerPixel,
        "photometric_interpretation": _interpretation(header),
        "bits_allocated": elements.BitsAllocated,
        "bits_stored": elements.BitsStored,
        "pixel_representation": elements.PixelRepresentation,
        "planar_configuration": elements.get("PlanarConfiguration") or 0,
        "number_of_frames": frames,
        "pixel_keyword": "PixelData",
        "pixel_vr": header.value_vr,
    }
    # pylibjpeg-rle, where it is installed, answers damaged data with a panic that is no Exception and would end the
    # process: run-length codes are for pydicom itself, everything else for whatever is installed.
    plugin = "pydicom" if header.syntax == uid.RLELossless else ""
    stored, _ = get_decoder(header.syntax).as_array(source, index=index, decoding_plugin=plugin, **options)
    return np.asarray(stored)


def _gray(header: DicomHeader, stored: NDArray[Any]) -> NDArray[np.uint8]:
    elements, interpretation = header.elements, _interpretation(header)
    if interpretation == _PALETTE:
        colours = apply_color_lut(stored, elements)
        return to_gray(colours, white=int(np.iinfo(colours.dtype).max), rgb=True)
    if interpretation in _COLOUR:
        return to_gray(stored, white=2 ** int(elements.BitsStored) - 1, rgb=True)
    if elements.BitsStored == 8 and elements.PixelRepresentation == 0:
        return np.asarray(stored, np.uint8)
    return _displayed(stored, elements)


def _displayed(stored: NDArray[Any], elements: Any) -> NDArray[np.uint8]:
    values = np.asarray(apply_voi_lut(apply_modality_lut(stored, elements), elements), np.float64)
    black, white = _display_range(elements)
    if not (np.isfinite((black, white)).all() and black < white):
        raise ValueError(f"DICOM whose values from {black} to {white} are all to be shown")
    return np.rint(np.clip((values - black) / (white - black), 0.0, 1.0) * 255.0).astype(np.uint8)


def _display_range(elements: Any) -> tuple[float, float]:
    """The values shown as black and as white after the two LUTs: the whole range that they can give."""
    for sequence in ("VOILUTSequence", "ModalityLUTSequence"):
        if elements.get(sequence):
            return 0.0, 2.0 ** int(elements[sequence][0].LUTDescriptor[2]) - 1
    span = 2.0 ** int(elements.BitsStored)
    low, high = (-span / 2, span / 2 - 1) if elements.PixelRepresentation else (0.0, span - 1)
    if elements.get("RescaleSlope") is None or elements.get("RescaleIntercept") is None:
        return low, high
    slope, intercept = float(elements.RescaleSlope), float(elements.RescaleIntercept)
    black, white = sorted((low * slope + intercept, high * slope + intercept))
    return black, white
