"""What a reconstruction may carry on from the DICOM file that its frame came from; no other element is even read."""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydicom import config, dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from edge_nt.errors import InputError
from edge_nt.imaging.container import sniff
from edge_nt.sources.source import FilePlace

# Who and which examination, so that the reconstruction is filed with the scan; empty where the source has nothing.
IDENTITY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
# Of the same kind, absent where the source has nothing.
IDENTITY_IF_PRESENT = (
    "IssuerOfPatientID",
    "StudyDescription",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionDateTime",
)
# What says nothing of a person.
IMPERSONAL = ("Modality", "Laterality", "BodyPartExamined", "PatientOrientation")
# What an earlier de-identification left to say.
DEIDENTIFIED_BEFORE = (
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
)
_EQUIPMENT = ("Manufacturer", "ManufacturerModelName", "SoftwareVersions")
_REST = (
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID", "NumberOfFrames", "Rows", "Columns"),
    *("PixelSpacing", "SequenceOfUltrasoundRegions", "BurnedInAnnotation", "SpecificCharacterSet"),
    *("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"),
)
# What items of Sequence of Ultrasound Regions, and of sequences of codes, consist of.
_REGION_ELEMENTS = range(0x00186000, 0x00187000)
_CODE = ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning")
_READ = [*IDENTITY, *IDENTITY_IF_PRESENT, *IMPERSONAL, *DEIDENTIFIED_BEFORE, *_EQUIPMENT, *_REST]


def source_header(place: FilePlace | None, name: str) -> Dataset | None:
    """The header of the DICOM file at `place`, read once for the frames of a cine; None for anything else.

    Raises: InputError with `name` when the file is no longer the one that was offered, so that nobody's name stands
    over somebody else's picture, or when its header cannot be read.
    """
    if place is None:
        return None
    try:
        return _header(place.path, place.size_bytes, place.modified_ns)
    except Exception as error:
        # pydicom answers a damaged file with whatever its parser trips over. An OSError's text has the path.
        reason = error.strerror if isinstance(error, OSError) else (str(error).splitlines() or [""])[0]
        raise InputError(
            expected=f"the DICOM header of {name}, as it was when its frame was decoded",
            got=reason or type(error).__name__,
            fix="leave files in place under names of their own until their frames are done, or leave out --dicom",
        ) from error


@lru_cache(maxsize=16)
def _header(path: Path, size_bytes: int, modified_ns: int) -> Dataset | None:
    with path.open("rb") as file:
        kind = sniff(file.read(256))
        file.seek(0)
        header = _read(file) if kind == "dicom" else None
        status = os.fstat(file.fileno())
    if (status.st_size, status.st_mtime_ns) != (size_bytes, modified_ns):
        raise ValueError("another file of that name")
    return header


def _read(file: Any) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = dcmread(file, stop_before_pixels=True, specific_tags=list(_READ))
        # Values are parsed when they are asked for; asked for here, no two threads do so at once.
        for _ in header.iterall():
            pass
    return header


def carry_on(header: Dataset, names: tuple[str, ...], onto: Dataset) -> None:
    """Put the elements of `header` among `names` on `onto`, their values as the source has them, valid or not."""
    for name in names:
        if name in header:
            element = header[name]
            value = [_public(item) for item in element.value] if element.VR == "SQ" else element.value
            onto.add(DataElement(element.tag, element.VR, value, validation_mode=config.IGNORE))


def _public(item: Dataset) -> Dataset:
    """Of an item only what the sequences here are made of: any element may stand in one, a name too."""
    copy = Dataset()
    # Private elements have no keyword.
    names = tuple(element.keyword for element in item if element.tag in _REGION_ELEMENTS)
    carry_on(item, (*names, *_CODE), copy)
    return copy


def acquisition_equipment(header: Dataset) -> Dataset | None:
    """The scanner, as an item of Contributing Equipment Sequence without its purpose; None where it has no maker."""
    if not header.get("Manufacturer"):
        return None
    item = Dataset()
    carry_on(header, _EQUIPMENT, item)
    return item
