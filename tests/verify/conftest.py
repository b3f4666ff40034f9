from __future__ import annotations

from pathlib import Path

import block_bundle
import pytest

from edge_nt.recipes import default_path
from edge_nt.verify.gates import GateFile, read_gates


@pytest.fixture(scope="session")
def many_scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty frames of source validation and twenty of the held-out hospital: as many as a verdict takes."""
    return block_bundle.write_scans(tmp_path_factory.mktemp("many") / "scans", per_hospital=20)


@pytest.fixture(scope="session")
def without_calipers() -> GateFile:
    """The gates of a model that does not resolve the band, as block means do not."""
    return read_gates(default_path("benchmarks/demo_gates.toml"))
