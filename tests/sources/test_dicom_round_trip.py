"""Scans written as DICOM, in every syntax that is encoded here, give what their pictures give, to the bit."""

import os
from pathlib import Path

import numpy as np
import pytest
from dicom_files import LOSSLESS, regions, tissue_region, write_cine, write_dicom
from pydicom.uid import JPEG2000Lossless, RLELossless

from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.frame import Frame, PixelBox
from edge_nt.phantom.generate import render_phantom
from edge_nt.runtime.reconstructor import load
from edge_nt.sources.files import FileSource


def frames_back(path: Path, crop: str = "frame") -> list[Frame]:
    return [offer.decode() for offer in FileSource([path], crop=crop).offers()]


def assert_round_trip(scans: list[np.ndarray], folder: Path) -> None:
    """Each alone, and all together as a cine with a region in every lossless syntax."""
    for number, pixels in enumerate(scans):
        single = write_dicom(folder / f"{number}.dcm", pixels, PixelSpacing=[0.11, 0.11])
        (frame,) = frames_back(single)
        np.testing.assert_array_equal(frame.pixels, pixels)
        assert frame.mm_per_px == pytest.approx(0.11)
    # A cine has frames of one size: what the scans have in common.
    height, width = (min(pixels.shape[axis] for pixels in scans) for axis in (0, 1))
    same = [np.ascontiguousarray(pixels[:height, :width]) for pixels in scans]
    box = PixelBox(height // 8, width // 6, height - height // 7, width - width // 5)
    for syntax in LOSSLESS:
        item = tissue_region(box.left, box.top, box.right - 1, box.bottom - 1, 0.011)
        path = write_cine(folder / "cine.dcm", same, syntax, FrameTime=33.3, **regions(item))
        for frame, part, pixels in zip(frames_back(path), frames_back(path, "region"), same, strict=True):
            np.testing.assert_array_equal(frame.pixels, pixels)
            assert (frame.mm_per_px, frame.region) == (pytest.approx(0.11), box)
            np.testing.assert_array_equal(part.pixels, pixels[box.top : box.bottom, box.left : box.right])


def test_phantoms_come_back_from_dicom(tmp_path: Path) -> None:
    assert_round_trip([render_phantom(7, 0, index).frame.pixels for index in range(3)], tmp_path)


@pytest.mark.real
@pytest.mark.skipif("EDGE_NT_REAL_DATA" not in os.environ, reason="EDGE_NT_REAL_DATA names no folder of real scans")
def test_real_scans_come_back_from_dicom(tmp_path: Path) -> None:
    files = sorted(Path(os.environ["EDGE_NT_REAL_DATA"]).rglob("*.png"))
    assert_round_trip([decode_image(file).pixels for file in files[:: max(1, len(files) // 8)]], tmp_path)


def test_a_bundle_gives_the_same_for_a_picture_and_for_its_dicom_file(tmp_path: Path, bundle_folder: Path) -> None:
    reconstruct = load(bundle_folder, allow_unverified=True)
    phantom = render_phantom(7, 0, 1).frame
    alone = reconstruct(phantom)
    for syntax in (RLELossless, JPEG2000Lossless):
        for frame in frames_back(write_cine(tmp_path / "a.dcm", [phantom.pixels] * 2, syntax)):
            np.testing.assert_array_equal(reconstruct(frame).latent, alone.latent)
