import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import block_bundle
import numpy as np
import pydicom
import pytest
from dicom_scans import SECRETS, SERIES, STUDY, write_dicom
from finished_frames import finished, finished_file, write_all
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage
from pydicom.valuerep import PersonName

from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.runtime import Reconstructor, load
from edge_nt.sinks.dicom_source import source_header
from edge_nt.sinks.secondary_capture import SecondaryCapture
from edge_nt.sinks.sink import FinishedFrame
from edge_nt.sources.files import place_of

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


@pytest.fixture
def reconstructor(bundle_folder: Path) -> Reconstructor:
    return load(bundle_folder)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_dicom(tmp_path / "Yamada PID-4711.dcm", block_bundle.scan(3, 101, 151)[None])


def sink(reconstructor: Reconstructor, folder: Path, **settings: bool) -> SecondaryCapture:
    return SecondaryCapture(folder, reconstructor.bundle, "passed", **settings)


def stored(reconstructor: Reconstructor, folder: Path, frames: list[FinishedFrame], **settings: bool) -> list[Dataset]:
    said = write_all(sink(reconstructor, folder, **settings), frames)
    return [pydicom.dcmread(folder / line["dicom"]) for line in said]


def everything(made: Dataset) -> Iterator[str]:
    for element in made.iterall():
        if element.VR not in ("SQ", "OB"):
            yield f"{element.keyword}={element.value}"


def test_a_reconstruction_stays_with_its_patient_and_study_in_a_series_of_its_own(
    reconstructor: Reconstructor, scan: Path, tmp_path: Path
) -> None:
    frame = finished_file(reconstructor, scan)
    first, second = stored(reconstructor, tmp_path, [frame, frame])
    source = pydicom.dcmread(scan)
    assert all(name in first for name in REQUIRED)
    assert first.SOPClassUID == first.file_meta.MediaStorageSOPClassUID == SecondaryCaptureImageStorage
    assert first.StudyInstanceUID == STUDY
    assert first.SeriesInstanceUID == second.SeriesInstanceUID != SERIES
    assert len({source.SOPInstanceUID, first.SOPInstanceUID, second.SOPInstanceUID}) == 3
    assert (first.InstanceNumber, second.InstanceNumber) == (1, 2)
    for name in ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "StudyDate", "AccessionNumber"):
        assert first[name].value == source[name].value
    assert first.PatientName == PersonName("Yamada^Tarou=山田^太郎")
    np.testing.assert_array_equal(first.pixel_array, frame.picture)
    assert list(first.ImageType) == ["DERIVED", "SECONDARY"]
    assert first.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert "ReferencedFrameNumber" not in first.SourceImageSequence[0]
    assert first.ContributingEquipmentSequence[0].Manufacturer == "ACME Ultrasound"
    assert (first.Manufacturer, first.ManufacturerModelName) == ("edge-nt", "edge-nt NT fp32")
    assert first.SoftwareVersions[1] == f"bundle {reconstructor.bundle.sha256[:32]}"
    assert first.SecondaryCaptureDeviceSoftwareVersions == first.SoftwareVersions


def test_no_private_element_and_nobody_but_patient_and_referrer_is_passed_on(
    reconstructor: Reconstructor, scan: Path, tmp_path: Path
) -> None:
    (made,) = stored(reconstructor, tmp_path, [finished_file(reconstructor, scan)])
    text = "\n".join(everything(made))
    for secret in ("secret private", "Operator", "St Elsewhere", "Ward 9", "SN-99"):
        assert secret not in text
    assert not [element for element in made.iterall() if element.tag.is_private]


def test_the_description_says_what_made_it_and_whether_to_believe_it(
    reconstructor: Reconstructor, scan: Path, tmp_path: Path
) -> None:
    inside = finished_file(reconstructor, scan)
    outside = replace(inside, result=replace(inside.result, ood=replace(inside.result.ood, score=99.0, threshold=1.5)))
    inside = replace(inside, result=replace(inside.result, ood=replace(inside.result.ood, score=0.5, threshold=1.5)))
    good, bad = stored(reconstructor, tmp_path, [inside, outside])
    for made in (good, bad):
        said = made.DerivationDescription
        assert len(said) <= 1024
        for part in (
            "128 latent numbers",
            "fp32",
            reconstructor.session.backend,
            "Research use only",
            reconstructor.bundle.sha256[:16],
        ):
            assert part in said
        assert "Verdict of edge-nt verify: passed." in said
    assert "OOD score 0.5, threshold 1.5: in distribution" in good.DerivationDescription
    assert "OUT OF DISTRIBUTION" in bad.DerivationDescription
    assert "OUT OF DISTRIBUTION" in bad.ImageComments
    (code,) = good.DerivationCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113040", "DCM")


def test_the_latent_counts_as_lossy_compression_after_that_of_the_source(
    reconstructor: Reconstructor, tmp_path: Path
) -> None:
    lossy = {
        "LossyImageCompression": "01",
        "LossyImageCompressionRatio": "12.5",
        "LossyImageCompressionMethod": "ISO_10918_1",
    }
    pixels = block_bundle.scan(3, 100, 150)[None]
    files = [write_dicom(tmp_path / "plain.dcm", pixels), write_dicom(tmp_path / "jpeg.dcm", pixels, **lossy)]
    plain, jpeg = stored(reconstructor, tmp_path, [finished_file(reconstructor, file) for file in files])
    ratio = 100 * 150 / (128 * 4)
    assert plain.LossyImageCompression == jpeg.LossyImageCompression == "01"
    assert plain.LossyImageCompressionMethod == "EDGE_NT_LATENT"
    assert float(plain.LossyImageCompressionRatio) == pytest.approx(ratio)
    assert list(jpeg.LossyImageCompressionMethod) == ["ISO_10918_1", "EDGE_NT_LATENT"]
    assert [float(each) for each in jpeg.LossyImageCompressionRatio] == pytest.approx([12.5, ratio])


def test_spacing_and_regions_hold_for_the_picture(reconstructor: Reconstructor, scan: Path, tmp_path: Path) -> None:
    frame = finished_file(reconstructor, scan)
    (made,) = stored(reconstructor, tmp_path, [frame])
    assert [float(side) for side in made.PixelSpacing] == pytest.approx([0.123, 0.123])
    assert made.SequenceOfUltrasoundRegions[0].PhysicalDeltaX == 0.0123
    assert decode_image(tmp_path / "dicom/00000.dcm").mm_per_px == pytest.approx(0.123)
    # A frame that was cut on its way has the spacing still, but its regions lie elsewhere.
    cut = finished(reconstructor, frame.frame.pixels[10:, 10:].copy(), place=frame.offer.place, mm_per_px=0.123)
    (made,) = stored(reconstructor, tmp_path / "cut", [cut])
    assert float(made.PixelSpacing[0]) == pytest.approx(0.123)
    assert "SequenceOfUltrasoundRegions" not in made
    assert made.SourceImageSequence[0].SpatialLocationsPreserved == "NO"


def test_a_spacing_that_the_reader_refused_is_not_passed_on(
    reconstructor: Reconstructor, scan: Path, tmp_path: Path
) -> None:
    # The picture was scaled after the scanner wrote the header: its regions end beside it.
    header = pydicom.dcmread(scan)
    header.SequenceOfUltrasoundRegions[0].RegionLocationMaxX1 = 2 * header.Columns
    header.SequenceOfUltrasoundRegions[0].RegionLocationMaxY1 = 2 * header.Rows
    header.PixelSpacing = [0.123, 0.123]
    header.save_as(scan)
    frame = finished_file(reconstructor, scan)
    assert frame.frame.mm_per_px is None
    (made,) = stored(reconstructor, tmp_path, [frame])
    assert "PixelSpacing" not in made
    assert "SequenceOfUltrasoundRegions" not in made


@pytest.mark.parametrize("with_regions", [True, False])
def test_a_spacing_that_no_scan_has_is_not_passed_on(
    reconstructor: Reconstructor, scan: Path, tmp_path: Path, with_regions: bool
) -> None:
    # Micrometres where millimetres, or centimetres, are meant.
    header = pydicom.dcmread(scan)
    header.PixelSpacing = [123, 123]
    for axis in "XY":
        setattr(header.SequenceOfUltrasoundRegions[0], f"PhysicalDelta{axis}", 123)
    if not with_regions:
        del header.SequenceOfUltrasoundRegions
    header.save_as(scan)
    frame = finished_file(reconstructor, scan)
    assert frame.frame.mm_per_px is None
    (made,) = stored(reconstructor, tmp_path, [frame])
    assert "PixelSpacing" not in made
    assert "SequenceOfUltrasoundRegions" not in made


def test_a_frame_of_a_cine_names_its_frame(reconstructor: Reconstructor, tmp_path: Path) -> None:
    frames = np.stack([block_bundle.scan(each, 60, 80) for each in range(3)])
    path = write_dicom(tmp_path / "cine.dcm", frames)
    place = place_of(path)
    given = [
        finished(reconstructor, pixels, f"{path}#{each}", place=replace(place, frame=each, frames=3))
        for each, pixels in enumerate(frames)
    ]
    made = stored(reconstructor, tmp_path, given)
    assert [each.SourceImageSequence[0].ReferencedFrameNumber for each in made] == [1, 2, 3]
    assert len({each.SeriesInstanceUID for each in made}) == 1


@pytest.mark.parametrize("said", ["", None])
def test_a_source_without_a_modality_is_ultrasound(
    reconstructor: Reconstructor, tmp_path: Path, said: str | None
) -> None:
    scan = write_dicom(tmp_path / "a.dcm", block_bundle.scan(3, 101, 151)[None], Modality=said)
    (made,) = stored(reconstructor, tmp_path, [finished_file(reconstructor, scan)])
    assert made.Modality == "US"


def test_no_patient_is_invented(reconstructor: Reconstructor, tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(b"no DICOM")
    places = [place_of(tmp_path / "scan.png"), None, None, None]
    times = [1e9, 1e9, 1e9 + 60, 1e9 + 86_400]
    pixels = block_bundle.scan(1, 60, 80)
    frames = [
        finished(reconstructor, pixels, place=place, taken_at_s=time, mm_per_px=0.1)
        for place, time in zip(places, times, strict=True)
    ]
    made = stored(reconstructor, tmp_path, frames)
    for each in made:
        assert all(name in each for name in REQUIRED)
        assert not any(each[name].value for name in REQUIRED if name.startswith(("Patient", "StudyD", "Referr", "Acc")))
        assert "SourceImageSequence" not in each
        assert float(each.PixelSpacing[1]) == 0.1
    studies = [each.StudyInstanceUID for each in made]
    # A file has a study of its own; a live source one a day.
    assert studies[1] == studies[2]
    assert len(set(studies)) == 3
    assert made[1].AcquisitionDateTime == "20010909014640.000000+0000"
    assert "AcquisitionDateTime" not in made[0]


def test_deidentified_output_holds_nothing_of_the_patient_in_any_byte(
    reconstructor: Reconstructor, tmp_path: Path
) -> None:
    pixels = block_bundle.scan(3, 60, 80)[None]
    files = [write_dicom(tmp_path / f"Yamada-{each}.dcm", pixels, f"1.2.276.0.7230010.3.1.4.{each}") for each in "123"]
    out = tmp_path / "out"
    made = stored(reconstructor, out, [finished_file(reconstructor, file) for file in files], deidentify=True)
    for path in out.rglob("*"):
        assert not any(secret in str(path.relative_to(out)) for secret in SECRETS)
        content = path.read_bytes() if path.is_file() else b""
        for secret in (*SECRETS, STUDY, SERIES, "1.2.276.0.7230010"):
            for coding in ("utf-8", "iso2022_jp"):
                assert secret.encode(coding) not in content, secret
    for each in made:
        assert all(name in each for name in REQUIRED)
        dates = [element for element in each.iterall() if element.VR in ("DA", "TM", "DT") and element.value]
        assert dates == []
        assert each.PatientName == each.PatientID == ""
        assert each.LongitudinalTemporalInformationModified == "REMOVED"
        assert each.DeidentificationMethodCodeSequence[-1].CodeValue == "113100"
        assert "ContributingEquipmentSequence" not in each
    # Frames of one study stay together, whose study it was cannot be told, and another run tells nothing more.
    assert len({each.StudyInstanceUID for each in made}) == len({each.SeriesInstanceUID for each in made}) == 1
    assert len({each.SourceImageSequence[0].ReferencedSOPInstanceUID for each in made}) == 3
    again = stored(reconstructor, tmp_path / "again", [finished_file(reconstructor, files[0])], deidentify=True)
    assert again[0].StudyInstanceUID != made[0].StudyInstanceUID


def test_burned_in_text_is_not_claimed_to_be_gone(reconstructor: Reconstructor, tmp_path: Path) -> None:
    pixels = block_bundle.scan(3, 60, 80)[None]
    files = [
        write_dicom(tmp_path / "yes.dcm", pixels, BurnedInAnnotation="YES"),
        write_dicom(tmp_path / "no.dcm", pixels, BurnedInAnnotation="NO"),
        write_dicom(tmp_path / "unknown.dcm", pixels),
    ]
    capture = sink(reconstructor, tmp_path, deidentify=True)
    said = write_all(capture, [finished_file(reconstructor, file) for file in files])
    made = [pydicom.dcmread(tmp_path / line["dicom"]) for line in said]
    assert [each.get("BurnedInAnnotation") for each in made] == ["YES", "NO", None]
    assert [each.PatientIdentityRemoved for each in made] == ["NO", "YES", "NO"]
    assert capture.burned_in == {"YES": 1, "NO": 1, "unknown": 1}


def test_what_an_earlier_deidentification_said_is_passed_on(reconstructor: Reconstructor, tmp_path: Path) -> None:
    before = {"PatientIdentityRemoved": "YES", "DeidentificationMethod": "by hand"}
    path = write_dicom(tmp_path / "scan.dcm", block_bundle.scan(3, 60, 80)[None], **before)
    frame = finished_file(reconstructor, path)
    (made,) = stored(reconstructor, tmp_path / "a", [frame])
    assert (made.PatientIdentityRemoved, made.DeidentificationMethod) == ("YES", "by hand")
    (made,) = stored(reconstructor, tmp_path / "b", [frame], deidentify=True)
    assert made.DeidentificationMethod[0] == "by hand"


def test_a_file_that_was_replaced_lends_nobody_its_name(
    reconstructor: Reconstructor, scan: Path, tmp_path: Path
) -> None:
    frame = finished_file(reconstructor, scan)
    write_dicom(scan, block_bundle.scan(3, 101, 151)[None], PatientName="Somebody^Else")
    with pytest.raises(InputError, match="another file of that name"):
        stored(reconstructor, tmp_path, [frame])
    scan.unlink()
    frame = replace(frame, offer=replace(frame.offer, place=replace(frame.offer.place, modified_ns=1)))
    with pytest.raises(InputError, match="No such file") as raised:
        stored(reconstructor, tmp_path, [replace(frame, offer=replace(frame.offer, name="frame-0"))])
    assert "PID-4711" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "odd", "read"),
    [
        ("PatientBirthDate", b"19870605", b"notadate", "notadate"),
        ("StudyDate", b"20240229", b"????????", "????????"),
        ("AccessionNumber", b"ACC-0815", b"\xff" * 8, "\xff" * 8),
        ("PatientID", b"PID-4711", rb"\\\\abcd", ["", "", "", "", "abcd"]),
        ("PatientName", b"Yamada^Tarou", b"=====^====^^", "=====^====^^=山田^太郎"),
    ],
)
def test_values_that_no_scanner_should_write_are_passed_on_as_they_are(
    reconstructor: Reconstructor, scan: Path, tmp_path: Path, name: str, value: bytes, odd: bytes, read: object
) -> None:
    content = scan.read_bytes()
    assert value in content
    scan.write_bytes(content.replace(value, odd))
    (made,) = stored(reconstructor, tmp_path, [finished_file(reconstructor, scan)])
    assert made[name].value == read


def test_the_header_of_a_cine_is_read_once(scan: Path) -> None:
    place = place_of(scan)
    assert source_header(place, "one") is source_header(replace(place, frame=5), "another")
    assert source_header(None, "camera") is None


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("deidentify", [False, True])
def test_an_outside_validator_finds_no_error(
    reconstructor: Reconstructor, scan: Path, tmp_path: Path, deidentify: bool
) -> None:
    live = finished(reconstructor, block_bundle.scan(1, 60, 80), mm_per_px=0.1)
    stored(reconstructor, tmp_path, [finished_file(reconstructor, scan), live], deidentify=deidentify)
    for path in sorted((tmp_path / "dicom").iterdir()):
        verdict = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        assert [line for line in verdict.stderr.splitlines() if line.startswith("Error")] == []
        assert "SCImage" in verdict.stderr
