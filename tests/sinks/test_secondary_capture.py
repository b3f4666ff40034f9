"""Reconstructions as DICOM secondary captures: whose they are, what they say of themselves, and that they are valid."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import block_bundle
import numpy as np
import pydicom
import pytest
from dicom_scans import SERIES, STUDY, write_dicom
from finished_frames import finished, finished_file
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage
from pydicom.valuerep import PersonName
from stored_captures import REQUIRED, stored

from edge_nt.runtime import Reconstructor
from edge_nt.sources.files import place_of


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
