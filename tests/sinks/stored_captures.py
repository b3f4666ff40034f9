"""Frames stored as secondary captures and read back, and what each of them must have."""

from pathlib import Path

import pydicom
from finished_frames import write_all
from pydicom.dataset import Dataset

from edge_nt.runtime import Reconstructor
from edge_nt.sinks.secondary_capture import SecondaryCapture
from edge_nt.sinks.sink import FinishedFrame

# What each object must have for the IOD: types 1 and 2 of PS3.3 A.8.1.
REQUIRED = (
    *(
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
    ),
    *(
        "StudyInstanceUID",
        "StudyDate",
        "StudyTime",
        "ReferringPhysicianName",
    ),
    *(
        "StudyID",
        "AccessionNumber",
        "Modality",
        "SeriesInstanceUID",
    ),
    *(
        "SeriesNumber",
        "Manufacturer",
        "InstanceNumber",
        "ConversionType",
    ),
    *(
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "Rows",
        "Columns",
    ),
    *(
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
    ),
    *(
        "PixelData",
        "SOPClassUID",
        "SOPInstanceUID",
    ),
)


def sink(reconstructor: Reconstructor, folder: Path, **settings: bool) -> SecondaryCapture:
    return SecondaryCapture(folder, reconstructor.bundle, "passed", **settings)


def stored(reconstructor: Reconstructor, folder: Path, frames: list[FinishedFrame], **settings: bool) -> list[Dataset]:
    said = write_all(sink(reconstructor, folder, **settings), frames)
    return [pydicom.dcmread(folder / line["dicom"]) for line in said]
