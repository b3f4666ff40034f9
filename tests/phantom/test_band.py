from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.phantom.band import NtBand
from edge_nt.phantom.generate import Phantom, render_phantom
from edge_nt.phantom.style import hospital_style

BAND = NtBand((3.0, 14.0), math.radians(4.0), 120.0, 10.0, 2.5, 0.6, 0.4, 0.5, 0.5)


@settings(max_examples=50)
@given(
    along=st.floats(-15, 15),
    across=st.floats(-8, 8),
    tilt=st.floats(-0.5, 0.5),
    radius=st.sampled_from([-300.0, -90.0, 60.0, 500.0]),
)
def test_coordinates_invert_points(along: float, across: float, tilt: float, radius: float) -> None:
    band = replace(BAND, tilt_rad=tilt, radius_mm=radius)
    back = band.coordinates(band.point(np.array([along]), np.array([across])))
    assert back[0][0] == pytest.approx(along, abs=1e-9)
    assert back[1][0] == pytest.approx(across, abs=1e-9)


def test_widest_distance_between_the_edges_is_the_thickness() -> None:
    along = np.linspace(-10.0, 10.0, 2001)
    inner = BAND.point(along, BAND.inner_edge(along))
    outer = BAND.point(along, BAND.outer_edge(along))
    gaps = np.hypot(*(outer - inner).T)
    assert gaps.max() == pytest.approx(2.5, abs=1e-9)
    assert abs(along[gaps.argmax()]) < 1e-9
    assert gaps[[0, -1]] == pytest.approx([0.0, 0.0], abs=1e-9)


@pytest.mark.parametrize("change", [{"thickness_mm": 0.0}, {"radius_mm": 5.0}, {"inner_share": 1.5}])
def test_impossible_bands_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError, match="NT band"):
        replace(BAND, **change)  # type: ignore[arg-type]


def test_rendered_thickness_can_be_measured() -> None:
    phantoms = [_clean(hospital, index) for hospital in range(3) for index in range(14)]
    truth = np.array([phantom.thickness_mm for phantom in phantoms])
    measured = np.array([_measure_mm(phantom) for phantom in phantoms])
    assert np.corrcoef(truth, measured)[0, 1] >= 0.99
    assert abs(np.mean(measured - truth)) < 0.03
    assert np.abs(measured - truth).max() < 0.12


def _clean(hospital: int, index: int) -> Phantom:
    """The hospital's frame and point spread, hardly any speckle, and a gray map that hides nothing."""
    style = replace(
        hospital_style(hospital), speckle=0.02, gain_db=-4.0, dynamic_range_db=80.0, gray_gamma=1.0,
        noise_floor_db=-90.0, attenuation_db_per_mm=0.0,
    )  # fmt: skip
    return render_phantom(11, hospital, index, style=style, overlays=False)


def _measure_mm(phantom: Phantom) -> float:
    """Distance along the band's normal between the half-maximum inner edges of the two lines, from the pixels alone."""
    band, pose = phantom.fetus.band, phantom.pose
    across = np.arange(-5.0, 5.0, 0.01)
    points = pose.to_px(band.point(np.zeros_like(across), across)).astype(np.float32) - np.float32(0.5)
    gray = cv2.remap(phantom.frame.pixels.astype(np.float32), points[:, :1], points[:, 1:], cv2.INTER_LINEAR)[:, 0]
    style = phantom.style
    amplitude = 10.0 ** (((gray / 255.0 - 1.0) * style.dynamic_range_db - style.gain_db) / 20.0)
    middle = int(np.searchsorted(across, (0.5 - band.inner_share) * band.thickness_mm))
    # Where each line is looked for comes from the geometry; where its edge lies is read from the pixels.
    line_at = band.thickness_mm + band.inner_line_mm + band.outer_line_mm
    reach = int(line_at / 0.01)
    inner_peak = amplitude[max(0, middle - reach) : middle].max()
    outer_peak = amplitude[middle : middle + reach].max()
    inner = np.flatnonzero(amplitude[:middle] >= inner_peak / 2)[-1]
    outer = middle + np.flatnonzero(amplitude[middle:] >= outer_peak / 2)[0]
    return float(across[outer] - across[inner])
