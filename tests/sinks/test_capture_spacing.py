"""Spacing and regions of a secondary capture: those that hold for the picture, and no others."""

from pathlib import Path

import pydicom
import pytest
from finished_frames import finished, finished_file
from stored_captures import stored

from edge_nt.imaging.decode import decode_image
from edge_nt.runtime import Reconstructor


def test_spacing_and_regions_hold_for_the_picture(reconstructor: Reconstructor, scan: Path, tmp_path: Path) -> None:
    frame = finished_file(reconstructor, scan)
    (made,) = stored(reconstructor, tmp_path, [frame])
    assert [float(side) for side in made.PixelSpacing] == pytest.approx([0.123, 0.123])
    assert made.SequenceOfUltrasoundRegions[0].PhysicalDeltaX == 0.0123
    assert decode_image(tmp_path / "dicom/00000.dcm").mm_per_px == pytest.approx(0.123)
    # A frame that was cut on its way has the spacing still, but its regions lie elsewhere.
    cut = finished(reconstructor, frame.frame.pixels[10:, 10:].copy(), place=frame.offer.place, mm_per_px=0.123)
    (made,) = stored(reconstructor, tmp_path / "cut", [cut])
    assert float(made.PixelSpacing[0]) == pytest.approx(0.123)
    assert "SequenceOfUltrasoundRegions" not in made
    assert made.SourceImageSequence[0].SpatialLocationsPreserved == "NO"


def assert_no_spacing_is_passed_on(reconstructor: Reconstructor, scan: Path, folder: Path) -> None:
    frame = finished_file(reconstructor, scan)
    assert frame.frame.mm_per_px is None
    (made,) = stored(reconstructor, folder, [frame])
    assert "PixelSpacing" not in made
    assert "SequenceOfUltrasoundRegions" not in made


def test_a_spacing_that_the_reader_refused_is_not_passed_on(
    reconstructor: Reconstructor, scan: Path, tmp_path: Path
) -> None:
    # The picture was scaled after the scanner wrote the header: its regions end beside it.
    header = pydicom.dcmread(scan)
    header.SequenceOfUltrasoundRegions[0].RegionLocationMaxX1 = 2 * header.Columns
    header.SequenceOfUltrasoundRegions[0].RegionLocationMaxY1 = 2 * header.Rows
    header.PixelSpacing = [0.123, 0.123]
    header.save_as(scan)
    assert_no_spacing_is_passed_on(reconstructor, scan, tmp_path)


@pytest.mark.parametrize("with_regions", [True, False])
def test_a_spacing_that_no_scan_has_is_not_passed_on(
    reconstructor: Reconstructor, scan: Path, tmp_path: Path, with_regions: bool
) -> None:
    # Micrometres where millimetres, or centimetres, are meant.
    header = pydicom.dcmread(scan)
    header.PixelSpacing = [123, 123]
    for axis in "XY":
        setattr(header.SequenceOfUltrasoundRegions[0], f"PhysicalDelta{axis}", 123)
    if not with_regions:
        del header.SequenceOfUltrasoundRegions
    header.save_as(scan)
    assert_no_spacing_is_passed_on(reconstructor, scan, tmp_path)
