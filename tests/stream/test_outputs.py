import json
import subprocess
import sys
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pydicom
import pytest
from dicom_scans import SECRETS, STUDY, write_dicom

from edge_nt.cli.app import main
from edge_nt.sinks.secondary_capture import DICOM_NAME
from edge_nt.sources.source_spec import open_source
from edge_nt.stream.outputs import OUTPUT_NAMES, Outputs, named_as_asked


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    pixels = np.stack([block_bundle.scan(number, 240, 320) for number in range(3)])
    write_dicom(folder / "Yamada.dcm", pixels)
    cv2.imwrite(str(folder / "Yamada 2.png"), pixels[0])
    (folder / "Yamada 3.png").write_bytes(b"no picture")
    return folder


def run(bundle_folder: Path, scans: Path, *options: str) -> list[dict]:
    out = scans.parent / "out"
    # One file is broken on purpose.
    assert main(["run", str(bundle_folder), str(scans), "--out", str(out), *options]) == 2
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def test_dicom_output_stays_in_the_study_of_its_source(bundle_folder: Path, scans: Path) -> None:
    lines = run(bundle_folder, scans, "--dicom")
    written = [pydicom.dcmread(scans.parent / "out" / line["dicom"]) for line in lines if "dicom" in line]
    assert len(written) == 4
    assert {each.StudyInstanceUID for each in written[1:]} == {STUDY}
    assert str(written[1].PatientID) == "PID-4711"
    assert [line.get("frames", 1) for line in lines] == [1, 1, 3, 3, 3]


def test_deidentified_outputs_hold_no_patient_and_no_file_name_and_say_what_is_left(
    bundle_folder: Path, scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--dicom", "--deidentify", "--latents", "parquet", "--video", "10")
    lines = run(bundle_folder, scans, *options)
    assert [line["file"] for line in lines] == [f"frame-{number}" for number in range(5)]
    printed = capsys.readouterr()
    assert "Text burned into the pixels was not removed" in printed.out
    assert "unknown 4" in printed.out
    # The failure is told by its number, too.
    assert "the first: frame-1: " in printed.err
    for file in (scans.parent / "out").rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        for secret in SECRETS:
            assert secret.encode() not in content, file
            assert secret not in file.name


def test_dicom_is_imported_only_where_it_is_asked_for() -> None:
    assert DICOM_NAME in OUTPUT_NAMES
    code = "import sys, edge_nt.stream.outputs; sys.exit('pydicom' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_source_that_is_a_file_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "Yamada.png").touch()
    source = named_as_asked(Outputs(deidentify=True), open_source(f"replay:{tmp_path / 'Yamada.png'}?fps=10"))
    assert (source.name, source.live) == ("replay", True)
