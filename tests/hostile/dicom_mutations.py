"""DICOM files whose elements contradict their pixels, or whose compressed frames are damaged in sound fragments."""

import io
import struct
from contextlib import suppress
from random import Random
from typing import Any

import pydicom
from byte_mutations import Mutation, any_bytes
from jpeg_mutations import jpeg_segments
from pydicom import uid
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

_DICOM_VALUES: dict[str, tuple[Any, ...]] = {
    "Rows": (0, 1, 47, 49, 65500, 65535),
    "Columns": (0, 1, 63, 65, 65500, 65535),
    "NumberOfFrames": (-1, 0, 3, 2**31 - 1, 10**12, "x"),
    "SamplesPerPixel": (0, 1, 2, 3, 4, 65535),
    "BitsAllocated": (0, 1, 8, 12, 16, 32, 64, 65535),
    "BitsStored": (0, 1, 7, 9, 12, 16, 65535),
    "HighBit": (0, 3, 7, 15, 65535),
    "PixelRepresentation": (0, 1, 2, 65535),
    "PlanarConfiguration": (0, 1, 2),
    "PhotometricInterpretation": (
        "MONOCHROME1",
        "RGB",
        "YBR_FULL",
        "YBR_FULL_422",
        "YBR_RCT",
        "PALETTE COLOR",
        "HSV",
        "",
    ),
    "PixelSpacing": (["nan", "nan"], ["0", "0"], ["-1", "1e308"], ["inf", "1"], ["1"], "", ["1e-320", "1e-320"]),
    "RescaleSlope": ("nan", "0", "inf", "-1", "1e308"),
    "RescaleIntercept": ("nan", "inf", "-1e308", "5"),
    "WindowWidth": ("nan", "0", "-1", "1", "1e308", ["1", "2"]),
    "WindowCenter": ("nan", "1e308", "-5", ["1", "2", "3"]),
    "VOILUTFunction": ("SIGMOID", "LINEAR_EXACT", "x"),
    "FrameTime": ("nan", "-1", "0", "1e308", "x"),
    "FrameTimeVector": (["nan"] * 3, ["1"] * 5000, "", ["0", "-5"]),
    "CineRate": ("0", "-3", "2147483647"),
    "FrameIncrementPointer": (0x00181065, 0x00181063, 0),
    "RedPaletteColorLookupTableDescriptor": ([0, 0, 16], [65535, 65535, 8], [1, 0, 64], [256, 0]),
    "RedPaletteColorLookupTableData": (b"", b"\0\1", bytes(131072)),
    "SequenceOfUltrasoundRegions": ("empty", "bare", "nan", "outside", "many"),
    "ModalityLUTSequence": ("empty", "bare", "lut"),
    "VOILUTSequence": ("empty", "bare", "lut"),
    "PixelData": (b"", b"\0\0", bytes(100_000)),
}
_SYNTAXES = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEGBaseline8Bit,
    uid.JPEGLosslessSV1,
)
_MORE_SYNTAXES = (
    uid.JPEGLSLossless,
    uid.JPEG2000,
    uid.HTJ2K,
    uid.MPEG4HP41,
    uid.DeflatedExplicitVRLittleEndian,
    uid.UID("1.2.3"),
)


def dicom_elements(data: bytes, random: Random) -> bytes:
    """One to three elements are absent or hold what contradicts the pixels; written by pydicom, so well-formed."""
    scan = pydicom.dcmread(io.BytesIO(data))
    with pydicom.config.disable_value_validation():
        for _ in range(random.randint(1, 3)):
            keyword = random.choice(list(_DICOM_VALUES))
            if keyword in scan and random.random() < 0.3:
                del scan[keyword]
            else:
                with suppress(ValueError, OverflowError, TypeError):
                    _set(scan, keyword, random.choice(_DICOM_VALUES[keyword]))
        target = io.BytesIO()
        try:
            scan.save_as(target, enforce_file_format=True)
        except Exception:
            # What pydicom itself will not write: the transfer syntax is changed under the pixels instead.
            return dicom_syntax(data, random)
    return target.getvalue()


def dicom_syntax(data: bytes, random: Random) -> bytes:
    """The header names another transfer syntax than the pixels have."""
    place = data.index(b"\x02\0\x10\0UI") + 6
    (length,) = struct.unpack_from("<H", data, place)
    name = str(random.choice((*_SYNTAXES, *_MORE_SYNTAXES))).encode()
    name = name[: length - 1].ljust(length, b"\0") if len(name) > length else name.ljust(length, b"\0")
    return data[: place + 2] + name + data[place + 2 + length :]


def dicom_frames(data: bytes, random: Random) -> bytes:
    """A compressed frame is damaged inside intact fragments; of an uncompressed file, any byte of its pixels."""
    scan = pydicom.dcmread(io.BytesIO(data))
    if not scan.file_meta.TransferSyntaxUID.is_compressed:
        scan.PixelData = any_bytes(scan.PixelData, random)
    else:
        frames = list(generate_frames(scan.PixelData, number_of_frames=int(scan.get("NumberOfFrames") or 1)))
        index = random.randrange(len(frames))
        mutation = jpeg_segments if frames[index].startswith(b"\xff\xd8") and random.random() < 0.5 else any_bytes
        frames[index] = mutation(frames[index], random) or b"\0\0"
        scan.PixelData = encapsulate(frames, has_bot=random.random() < 0.5)
    target = io.BytesIO()
    scan.save_as(target, enforce_file_format=True)
    return target.getvalue()


def _set(scan: Dataset, keyword: str, value: Any) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    if keyword.endswith("Sequence") or keyword.startswith("Sequence"):
        value = Sequence([] if value == "empty" else [_item(value)] * (3000 if value == "many" else 1))
    elif isinstance(value, str) or (isinstance(value, list) and isinstance(value[0], str)):
        # As bytes, since pydicom refuses to set some of what a file may hold.
        text = value if isinstance(value, str) else "\\".join(value)
        content = text.encode() + b" " * (len(text) % 2)
        scan[tag] = RawDataElement(BaseTag(tag), dictionary_VR(tag), len(content), content, 0, False, True)
        return
    setattr(scan, keyword, value)


def _item(kind: str) -> Dataset:
    item = Dataset()
    if kind == "lut":
        item.LUTDescriptor, item.LUTData = [65535, 0, 16], b"\0\0"
        return item
    if kind != "bare":
        item.RegionSpatialFormat = item.RegionDataType = 1
        item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
        item.PhysicalDeltaX = item.PhysicalDeltaY = float("nan") if kind == "nan" else 0.01
        item.RegionLocationMinX0 = item.RegionLocationMinY0 = 0
        item.RegionLocationMaxX1 = item.RegionLocationMaxY1 = 2**31 - 1 if kind == "outside" else 40
    return item


DICOM_MUTATIONS: dict[str, Mutation] = {
    mutation.__name__: mutation for mutation in (dicom_elements, dicom_syntax, dicom_frames)
}
