from __future__ import annotations

import numpy as np
import pytest

from edge_nt.phantom.canvas import LOWEST_DB, above, amplitude, blank, ellipse, fill, stroke
from edge_nt.phantom.pose import Pose

POSE = Pose(mm_per_px=0.1, tilt_rad=0.0, faces_left=False, origin_px=(0.0, 0.0))


def _centre_px(canvas: np.ndarray) -> tuple[float, float]:
    """Centre (x, y) of what was drawn, in continuous pixels: the middle of pixel 0 is at 0.5."""
    weight = canvas.astype(np.float64)
    y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]] + 0.5
    return float((x * weight).sum() / weight.sum()), float((y * weight).sum() / weight.sum())


def test_drawings_lie_where_their_millimetres_say() -> None:
    filled, drawn = blank(60, 80, LOWEST_DB), blank(60, 80, LOWEST_DB)
    fill(filled, ellipse(np.array([4.03, 2.51]), (1.5, 1.0), 0.4), 0.0, POSE)
    stroke(drawn, np.array([[2.0, 3.27], [5.0, 3.27]]), 0.3, 0.0, POSE)
    assert _centre_px(filled) == pytest.approx((40.3, 25.1), abs=0.15)
    assert _centre_px(drawn) == pytest.approx((35.0, 32.7), abs=0.15)


def test_levels_are_amplitudes_in_decibels() -> None:
    assert amplitude(blank(1, 1, -20.0))[0, 0] == pytest.approx(0.1, rel=1e-3)
    assert amplitude(blank(1, 1, 0.0))[0, 0] == pytest.approx(1.0, rel=1e-3)
    assert amplitude(blank(1, 1, LOWEST_DB))[0, 0] == 0.0
    assert above(blank(1, 1, -10.0), -12.0).all()
    assert not above(blank(1, 1, -14.0), -12.0).any()
