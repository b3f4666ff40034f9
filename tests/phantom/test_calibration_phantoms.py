from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_nt.datasets.dataset import read_dataset
from edge_nt.phantom.generate import write_phantoms

COMMITTED = Path(__file__).parents[2] / "calibration_data" / "phantoms"


def test_committed_phantoms_are_what_the_generator_makes(tmp_path: Path) -> None:
    fresh = write_phantoms(tmp_path / "fresh", hospitals=3, per_hospital=4, seed=0, shrink=2)
    committed = read_dataset(COMMITTED)
    assert len(committed.rows) == 12
    assert committed.synthetic
    for old, new in zip(committed.rows, fresh.rows, strict=True):
        assert (old.file, old.split) == (new.file, new.split)
        assert old.mm_per_px == pytest.approx(new.mm_per_px, rel=1e-6)
        for one, other in zip(committed.boxes[old.file], fresh.boxes[new.file], strict=True):
            assert one.roi.h_min == pytest.approx(other.roi.h_min, abs=1e-3)
            assert one.roi.w_max == pytest.approx(other.roi.w_max, abs=1e-3)
            assert (one.thickness_mm or 0.0) == pytest.approx(other.thickness_mm or 0.0, rel=1e-6)
        pixels = [cv2.imread(str(d.path(old)), cv2.IMREAD_GRAYSCALE).astype(int) for d in (committed, fresh)]
        # Other versions of OpenCV may draw other letters and round otherwise; another picture differs by tens.
        assert np.abs(pixels[0] - pixels[1]).mean() < 3


def test_committed_phantoms_are_tiny() -> None:
    files = [path for path in COMMITTED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert {path.suffix for path in files} == {".png", ".csv", ".json"}
