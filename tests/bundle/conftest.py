"""The bundle that verdicts here are about."""

from __future__ import annotations

from pathlib import Path

import block_bundle
import pytest


@pytest.fixture
def half(tmp_path: Path) -> Path:
    return block_bundle.write(tmp_path / "fp16", "fp16")
