"""The bundle whose engines are built."""

from pathlib import Path

import pytest

from edge_nt.bundle.read import Bundle, read_bundle


@pytest.fixture
def bundle(bundle_folder: Path) -> Bundle:
    return read_bundle(bundle_folder)
