"""No bundle is judged on what it was trained or calibrated on, nor on those patients."""

from dataclasses import replace
from pathlib import Path

import block_bundle
import pytest

from edge_nt.datasets.dataset import read_dataset, write_dataset
from edge_nt.digests import sha256_pixels
from edge_nt.errors import LeakageError
from edge_nt.imaging.decode import decode_image
from edge_nt.verify.gates import read_gates
from edge_nt.verify.verification import verify_bundles


@pytest.mark.parametrize(("file", "patient"), [("east/1.png", "east-1"), ("east/0.png", "east-1")])
def test_frames_that_ranges_were_fitted_on_do_not_judge_them(
    bundle_folder: Path, tmp_path: Path, file: str, patient: str
) -> None:
    """A dataset that was split anew: an image that calibrated, or another one of its patient, is now validation."""
    scans = block_bundle.write_scans(tmp_path / "scans")
    dataset = read_dataset(scans)
    fitted_on = sha256_pixels(decode_image(scans / "east/1.png").pixels)
    int8 = block_bundle.write(tmp_path / "int8", "int8", calibrated_on=fitted_on)
    rows = (replace(row, split="val", patient=patient) if row.file == file else row for row in dataset.rows)
    write_dataset(replace(dataset, rows=tuple(rows)))
    with pytest.raises(LeakageError, match=f"1 of .* such as {file}"):
        verify_bundles(int8, bundle_folder, scans, read_gates())


def test_frames_that_a_bundle_was_trained_on_do_not_judge_it_at_any_precision(
    bundle_folder: Path, tmp_path: Path
) -> None:
    scans = block_bundle.write_scans(tmp_path / "scans")
    seen = sha256_pixels(decode_image(scans / "east/1.png").pixels)[:16]
    half = block_bundle.write(tmp_path / "fp16", "fp16", trained_on=(seen,))
    assert verify_bundles(half, bundle_folder, scans, read_gates()).scans_sha256
    dataset = read_dataset(scans)
    rows = (replace(row, split="val") if row.file == "east/1.png" else row for row in dataset.rows)
    write_dataset(replace(dataset, rows=tuple(rows)))
    with pytest.raises(LeakageError, match=r"neither trained nor calibrated on.*such as east/1\.png"):
        verify_bundles(half, bundle_folder, scans, read_gates())
