"""The bundle at work, and a scan as DICOM with a patient's name in it."""

from pathlib import Path

import block_bundle
import pytest
from dicom_scans import write_dicom

from edge_nt.runtime import Reconstructor, load


@pytest.fixture
def reconstructor(bundle_folder: Path) -> Reconstructor:
    return load(bundle_folder)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_dicom(tmp_path / "Yamada PID-4711.dcm", block_bundle.scan(3, 101, 151)[None])
