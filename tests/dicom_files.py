"""Small DICOM files written as scanners do: one frame or many, in each transfer syntax that can be encoded here."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

LOSSLESS = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, JPEG2000Lossless)


def write_dicom(path: Path, pixels: np.ndarray, **elements: object) -> Path:
    """Write (H, W) gray or (H, W, 3) RGB as one frame; `syntax` with encoded `PixelData`, or any other element."""
    return _write(path, pixels, 1, pixels.tobytes(), elements)


def write_cine(
    path: Path, frames: Sequence[np.ndarray], syntax: UID = ExplicitVRLittleEndian, **elements: object
) -> Path:
    """Write frames of one size as a multi-frame file, encoded for `syntax`."""
    data = b"".join(frame.tobytes() for frame in frames)
    if syntax.is_compressed:
        data = encapsulate([_encoded(frame, syntax) for frame in frames])
    given = {"syntax": syntax, "NumberOfFrames": len(frames), **elements}
    return _write(path, frames[0], len(frames), data, given)


def tissue_region(
    left: int, top: int, right: int, bottom: int, delta_cm: float, *, data_type: int = 1, spatial_format: int = 1
) -> Dataset:
    """An item of Sequence of Ultrasound Regions, whose last row and column are `bottom` and `right`."""
    item = region(delta_cm, delta_cm, spatial_format=spatial_format)
    item.RegionDataType = data_type
    item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, bottom
    return item


def region(delta_x_cm: float, delta_y_cm: float, *, units: int = 3, spatial_format: int = 1) -> Dataset:
    """An item that says how large a pixel is, and not where."""
    item = Dataset()
    item.RegionSpatialFormat = spatial_format
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = units
    item.PhysicalDeltaX, item.PhysicalDeltaY = delta_x_cm, delta_y_cm
    return item


def regions(*items: Dataset) -> dict[str, object]:
    """The element that holds `items`."""
    return {"SequenceOfUltrasoundRegions": DicomSequence(items)}


def _write(path: Path, pixels: np.ndarray, frames: int, data: bytes, elements: dict[str, object]) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UltrasoundImageStorage if frames == 1 else UltrasoundMultiFrameImageStorage
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
    dataset.PixelData = data
    dataset["PixelData"].VR = "OB" if pixels.dtype == np.uint8 else "OW"
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def _encoded(frame: np.ndarray, syntax: UID) -> bytes:
    if syntax == RLELossless:
        return rle_frame([bytes(plane) for plane in (frame[None] if frame.ndim == 2 else np.moveaxis(frame, -1, 0))])
    suffix = {JPEGBaseline8Bit: ".jpg", JPEG2000Lossless: ".jp2"}[syntax]
    settings = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000] if suffix == ".jp2" else []
    encoded = cv2.imencode(suffix, frame if frame.ndim == 2 else frame[..., ::-1], settings)[1].tobytes()
    # OpenCV writes a JP2 file; DICOM holds the codestream in it.
    return encoded[encoded.index(b"\xff\x4f\xff\x51") :] if suffix == ".jp2" else encoded


def rle_frame(planes: Sequence[bytes]) -> bytes:
    """PS3.5 annex G with literal runs only, so that the encoder here shares nothing with any decoder."""
    segments = []
    for plane in planes:
        runs = [plane[start : start + 128] for start in range(0, len(plane), 128)]
        segment = b"".join(bytes([len(run) - 1]) + run for run in runs)
        segments.append(segment + b"\x80" * (len(segment) % 2))
    offsets = np.cumsum([64, *(len(segment) for segment in segments)])[: len(planes)]
    header = np.zeros(16, "<u4")
    header[0], header[1 : len(planes) + 1] = len(planes), offsets
    return header.tobytes() + b"".join(segments)
