"""The header of the file that a frame is from: read once, passed on as it is, and never another file's."""

from dataclasses import replace
from pathlib import Path

import block_bundle
import pytest
from dicom_scans import write_dicom
from finished_frames import finished_file
from stored_captures import stored

from edge_nt.errors import InputError
from edge_nt.runtime import Reconstructor
from edge_nt.sinks.dicom_source import source_header
from edge_nt.sources.files import place_of


@pytest.mark.parametrize("said", ["", None])
def test_a_source_without_a_modality_is_ultrasound(
    reconstructor: Reconstructor, tmp_path: Path, said: str | None
) -> None:
    scan = write_dicom(tmp_path / "a.dcm", block_bundle.scan(3, 101, 151)[None], Modality=said)
    (made,) = stored(reconstructor, tmp_path, [finished_file(reconstructor, scan)])
    assert made.Modality == "US"


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
