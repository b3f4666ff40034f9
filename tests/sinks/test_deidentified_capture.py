"""Deidentified secondary captures: nothing of the patient is left, and no more is claimed than was done."""

from pathlib import Path

import block_bundle
import pydicom
from dicom_scans import SECRETS, SERIES, STUDY, write_dicom
from finished_frames import finished_file, write_all
from stored_captures import REQUIRED, sink, stored

from edge_nt.runtime import Reconstructor


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
