"""One reconstruction as a Secondary Capture Image (PS3.3 A.8.1), all but its pixels and its number.

One object a frame: a stream has no end at which a multi-frame object could be closed, frames may fail or change their
size, each has an OOD score of its own, and the multi-frame IOD wants a yes or no about burned-in text that no
scanner's file and no camera gives (Burned In Annotation is of type 1 there, of type 3 here).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from edge_nt import __version__
from edge_nt.bundle.manifest import BundleManifest
from edge_nt.imaging.dicom_regions import read_scale
from edge_nt.sinks.dicom_identity import Identity
from edge_nt.sinks.dicom_source import (
    DEIDENTIFIED_BEFORE,
    IDENTITY,
    IDENTITY_IF_PRESENT,
    IMPERSONAL,
    acquisition_equipment,
    carry_on,
)
from edge_nt.sinks.sink import FinishedFrame

_METHOD = "EDGE_NT_LATENT"
_LATENT_NUMBER_BYTES = 4
# Scanners count from 1: a derived series stands behind theirs in a list.
_SERIES_NUMBER = 9000
# Decimal strings have 16 characters, text of type LO 64.
_DECIMAL = "{:.10g}"


@dataclass(frozen=True)
class Maker:
    """The bundle that made a reconstruction, and the verdict on it as the lines have it."""

    manifest: BundleManifest
    bundle_sha256: str
    verdict: str | None


def secondary_capture(
    frame: FinishedFrame, header: Dataset | None, maker: Maker, identity: Identity, *, deidentify: bool
) -> Dataset:
    """The object for a frame; `header` is that of its DICOM source, None for any other source.

    Raises: what pydicom raises for a value of the source that it cannot take.
    """
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID = SecondaryCaptureImageStorage
    made.SOPInstanceUID = generate_uid(prefix=None)
    _patient_and_study(made, frame, header, identity, deidentify=deidentify)
    _equipment(made, frame, header, maker, deidentify=deidentify)
    _derivation(made, frame, maker)
    if header is not None:
        _reference(made, frame, header, identity, deidentify=deidentify)
    _compression(made, frame, header, maker.manifest.latent_dim)
    _pixels(made, frame, header)
    if deidentify:
        _deidentified(made)
    else:
        _times(made, frame)
    return made


def _patient_and_study(
    made: Dataset, frame: FinishedFrame, header: Dataset | None, identity: Identity, *, deidentify: bool
) -> None:
    # Empty is "not known", which the standard wants said.
    for name in (*IDENTITY, "InstanceNumber", "PatientOrientation", "Laterality"):
        setattr(made, name, None)
    made.SeriesNumber = _SERIES_NUMBER
    study = series = None
    if header is not None:
        carry_on(header, IMPERSONAL if deidentify else (*IDENTITY, *IDENTITY_IF_PRESENT, *IMPERSONAL), made)
        carry_on(header, DEIDENTIFIED_BEFORE, made)
        study, series = header.get("StudyInstanceUID"), header.get("SeriesInstanceUID")
    # The only modality that a bundle is made for, where no header says another.
    made.Modality = made.get("Modality") or "US"
    own = _origin(frame)
    keeps_study = bool(study) and not deidentify
    made.StudyInstanceUID = study if keeps_study else identity.uid("study", str(study or own))
    made.SeriesInstanceUID = identity.uid("series", str(study or own), str(series or own))
    made.SeriesDescription = "edge-nt reconstruction, research use only"


def _origin(frame: FinishedFrame) -> str:
    """What a study is made for where the source has none: a file by itself, so that no two patients share one."""
    offer = frame.offer
    if offer.place is not None:
        return f"file {offer.place.path}"
    return f"{offer.source} on {datetime.fromtimestamp(offer.taken_at_s, timezone.utc):%Y-%m-%d}"


def _equipment(made: Dataset, frame: FinishedFrame, header: Dataset | None, maker: Maker, *, deidentify: bool) -> None:
    manifest = maker.manifest
    model = f"edge-nt {manifest.structure} {manifest.precision}"[:64]
    versions = [f"edge-nt {__version__}", f"bundle {maker.bundle_sha256[:32]}", f"backend {frame.backend}"]
    made.ConversionType = "WSD"
    for prefix in ("", "SecondaryCaptureDevice"):
        setattr(made, f"{prefix}Manufacturer", "edge-nt")
        setattr(made, f"{prefix}ManufacturerModelName", model)
        setattr(made, f"{prefix}SoftwareVersions", versions)
    scanner = None if header is None or deidentify else acquisition_equipment(header)
    if scanner is not None:
        scanner.PurposeOfReferenceCodeSequence = [_code("109101", "Acquisition Equipment")]
        made.ContributingEquipmentSequence = [scanner]


def _derivation(made: Dataset, frame: FinishedFrame, maker: Maker) -> None:
    manifest, result = maker.manifest, frame.result
    inside = "in distribution" if result.in_distribution else f"OUT OF DISTRIBUTION ({result.ood.reason})"
    verdict = "none asked for" if maker.verdict is None else maker.verdict
    score = f"OOD score {result.ood_score:.3g}, threshold {result.ood_threshold:.3g}: {inside}"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.DerivationDescription = (
        f"Reconstruction of the source frame from {manifest.latent_dim} latent numbers by a neural autoencoder: "
        f"edge-nt {__version__}, {manifest.structure}, {manifest.precision}, bundle {maker.bundle_sha256[:16]}, "
        f"{frame.backend}. Verdict of edge-nt verify: {verdict}. {score}. Research use only, not for diagnosis."
    )
    made.DerivationCodeSequence = [_code("113040", "Lossy Compression")]
    made.ImageComments = f"RESEARCH USE ONLY. A reconstruction, not the scan. {score}."


def _reference(made: Dataset, frame: FinishedFrame, header: Dataset, identity: Identity, *, deidentify: bool) -> None:
    of_class, instance = header.get("SOPClassUID"), header.get("SOPInstanceUID")
    if not of_class or not instance:
        return
    item = Dataset()
    item.ReferencedSOPClassUID = of_class
    item.ReferencedSOPInstanceUID = identity.uid("instance", str(instance)) if deidentify else instance
    place = frame.offer.place
    if place is not None and (header.get("NumberOfFrames") or 1) > 1:
        item.ReferencedFrameNumber = place.frame + 1
    item.SpatialLocationsPreserved = "YES" if _same_size(frame, header) else "NO"
    item.PurposeOfReferenceCodeSequence = [_code("121322", "Source image for image processing operation")]
    made.SourceImageSequence = [item]


def _compression(made: Dataset, frame: FinishedFrame, header: Dataset | None, latent_dim: int) -> None:
    # All that the picture holds of the scan went through the latent, whatever the file's own encoding is.
    ratio = frame.picture.size / (latent_dim * _LATENT_NUMBER_BYTES)
    ratios: list[object] = [_DECIMAL.format(ratio)]
    methods: list[object] = [_METHOD]
    if header is not None and header.get("LossyImageCompression") == "01":
        before = _listed(header.get("LossyImageCompressionRatio")), _listed(header.get("LossyImageCompressionMethod"))
        if len(before[0]) == len(before[1]):
            ratios, methods = [*before[0], *ratios], [*before[1], *methods]
    made.LossyImageCompression = "01"
    made.LossyImageCompressionRatio = ratios
    made.LossyImageCompressionMethod = methods


def _pixels(made: Dataset, frame: FinishedFrame, header: Dataset | None) -> None:
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.Rows, made.Columns = frame.picture.shape
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit = 7
    made.PixelRepresentation = 0
    if frame.frame.mm_per_px is not None:
        made.PixelSpacing = [_DECIMAL.format(frame.frame.mm_per_px)] * 2
    if header is None:
        return
    # A viewer would measure by what the reader has just refused.
    scale = read_scale(header, *frame.picture.shape)
    if _same_size(frame, header) and not (scale.contradicted or scale.implausible):
        names = ("SequenceOfUltrasoundRegions", *(("PixelSpacing",) if "PixelSpacing" not in made else ()))
        carry_on(header, names, made)
    if header.get("BurnedInAnnotation") in ("YES", "NO"):
        made.BurnedInAnnotation = header.BurnedInAnnotation


def _same_size(frame: FinishedFrame, header: Dataset) -> bool:
    return frame.picture.shape == (header.get("Rows"), header.get("Columns"))


def _times(made: Dataset, frame: FinishedFrame) -> None:
    now = datetime.now()
    for name in ("InstanceCreation", "Content"):
        setattr(made, f"{name}Date", f"{now:%Y%m%d}")
        setattr(made, f"{name}Time", f"{now:%H%M%S}")
    made.DateOfSecondaryCapture, made.TimeOfSecondaryCapture = made.ContentDate, made.ContentTime
    if frame.offer.place is None:
        taken = datetime.fromtimestamp(frame.offer.taken_at_s, timezone.utc)
        made.AcquisitionDateTime = f"{taken:%Y%m%d%H%M%S.%f+0000}"


def _deidentified(made: Dataset) -> None:
    """Say what was done: the Basic Profile, which does not look at pixels."""
    made.PatientIdentityRemoved = "YES" if made.get("BurnedInAnnotation") == "NO" else "NO"
    made.DeidentificationMethod = [
        *_listed(made.get("DeidentificationMethod")),
        "PS3.15 E Basic Profile on attributes, pixels not looked at",
    ]
    made.DeidentificationMethodCodeSequence = [
        *made.get("DeidentificationMethodCodeSequence", ()),
        _code("113100", "Basic Application Confidentiality Profile"),
    ]
    made.LongitudinalTemporalInformationModified = "REMOVED"


def _listed(value: object) -> list[object]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, (str, int, float)) else list(value)  # type: ignore[call-overload]


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code
