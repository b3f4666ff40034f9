"""A scan as an ultrasound scanner's DICOM file, with a patient in every corner of its header."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

# Any of these in an output that was to be de-identified is a leak.
SECRETS = (
    "Yamada",
    "山田",
    "PID-4711",
    "Issuer-Clinic",
    "19870605",
    "20240229",
    "101112",
    "Referrer",
    "Operator",
    "ACC-0815",
    "St Elsewhere",
    "Ward 9",
    "secret private",
    "NT of Mrs",
    "SN-99",
)
STUDY, SERIES = "1.2.276.0.7230010.3.1.2.111", "1.2.276.0.7230010.3.1.3.222"


def write_dicom(
    path: Path, frames: np.ndarray, instance: str = "1.2.276.0.7230010.3.1.4.333", **changes: object
) -> Path:
    """Frames uint8 (N, H, W) as one file; `changes` are elements by keyword, None for one to leave out."""
    count, height, width = frames.shape
    scan = Dataset()
    scan.file_meta = FileMetaDataset()
    scan.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    scan.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    scan.SOPClassUID = UltrasoundMultiFrameImageStorage if count > 1 else UltrasoundImageStorage
    scan.SOPInstanceUID, scan.StudyInstanceUID, scan.SeriesInstanceUID = instance, STUDY, SERIES
    scan.PatientName, scan.PatientID, scan.IssuerOfPatientID = "Yamada^Tarou=山田^太郎", "PID-4711", "Issuer-Clinic"
    scan.PatientBirthDate, scan.PatientSex = "19870605", "F"
    scan.StudyDate = scan.AcquisitionDate = "20240229"
    scan.StudyTime = scan.AcquisitionTime = "101112"
    scan.ReferringPhysicianName, scan.OperatorsName = "Referrer^R", "Operator^O"
    scan.StudyID, scan.AccessionNumber, scan.StudyDescription = "S1", "ACC-0815", "NT of Mrs Yamada"
    scan.InstitutionName, scan.StationName = "St Elsewhere", "Ward 9"
    scan.Modality, scan.Manufacturer, scan.ManufacturerModelName = "US", "ACME Ultrasound", "Scan 3000"
    scan.DeviceSerialNumber, scan.SoftwareVersions = "SN-99", "7.1"
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = width - 1, height - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.0123
    region.private_block(0x0019, "ACME", create=True).add_new(1, "LO", "secret private region")
    region.PatientName, region.InstitutionName, region.DeviceSerialNumber = "Yamada^Tarou", "St Elsewhere", "SN-99"
    scan.SequenceOfUltrasoundRegions = [region]
    scan.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "secret private")
    scan.SamplesPerPixel, scan.PhotometricInterpretation = 1, "MONOCHROME2"
    scan.Rows, scan.Columns, scan.BitsAllocated, scan.BitsStored, scan.HighBit = height, width, 8, 8, 7
    scan.PixelRepresentation = 0
    if count > 1:
        scan.NumberOfFrames, scan.FrameTime, scan.FrameIncrementPointer = count, "33.3", 0x00181063
    pixels = frames.tobytes()
    scan.add_new("PixelData", "OB", pixels + b"\0" * (len(pixels) % 2))
    for name, value in changes.items():
        if value is None:
            delattr(scan, name)
        else:
            setattr(scan, name, value)
    scan.save_as(path, enforce_file_format=True)
    return path
