from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_nt.imaging.roi import Roi
from edge_nt.phantom.generate import hospital_name, render_phantom
from edge_nt.phantom.overlays import Caption, burn_overlays
from edge_nt.phantom.style import hospital_style


def _burned(hospital: int, keep: Roi) -> np.ndarray:
    style = hospital_style(hospital)
    shape = style.frame_height_px, style.frame_width_px
    frame = np.broadcast_to(np.linspace(20, 180, shape[0]).astype(np.uint8)[:, None], shape).copy()
    name = hospital_name(hospital)
    burn_overlays(frame, style, Caption(name, f"{name}-0001", 0.1), keep)
    return frame


def _likeness(frame: np.ndarray, word: str) -> float:
    """The best normalised correlation of the printed word with any place in the upper half of the frame."""
    best = 0.0
    for scale in np.arange(0.40, 0.66, 0.01):
        (width, height), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        printed = np.zeros((height + 4, width + 2), np.uint8)
        cv2.putText(printed, word, (1, height + 1), cv2.FONT_HERSHEY_SIMPLEX, scale, (205,), 1, cv2.LINE_AA)
        found = cv2.matchTemplate(frame[: frame.shape[0] // 2], printed, cv2.TM_CCOEFF_NORMED)
        best = max(best, float(found.max()))
    return best


@pytest.mark.parametrize("hospital", range(5))
def test_every_picture_says_synthetic(hospital: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _likeness(render_phantom(9, hospital, 0).frame.pixels, "SYNTHETIC") > 0.9
    # The measure itself can tell: another word there is not taken for the mark.
    monkeypatch.setattr("edge_nt.phantom.overlays.MARK", "PRECISION")
    assert _likeness(render_phantom(9, hospital, 0).frame.pixels, "SYNTHETIC") < 0.75


@pytest.mark.parametrize("hospital", range(6))
def test_overlays_leave_the_nt_free(hospital: int) -> None:
    for index in range(4):
        clean, burned = (render_phantom(2, hospital, index, overlays=flag) for flag in (False, True))
        box = clean.boxes[0].roi
        rows, columns = box.slices(*clean.frame.pixels.shape)
        # Letters and ticks stand at the frame's rim, where the longest bands may end.
        changed = clean.frame.pixels[rows, columns] != burned.frame.pixels[rows, columns]
        assert changed.mean() < 0.01
        assert (clean.frame.pixels != burned.frame.pixels).any()


def test_thumbnail_moves_away_from_the_box() -> None:
    height, width = hospital_style(0).frame_height_px, hospital_style(0).frame_width_px
    right = _burned(0, Roi("NT", height - 40.0, 20.0, height - 5.0, 150.0))
    left = _burned(0, Roi("NT", height - 40.0, width - 150.0, height - 5.0, width - 20.0))
    nowhere = _burned(0, Roi("NT", height - 40.0, 20.0, height - 5.0, width - 20.0))
    corner = np.s_[height - 60 : height - 30, 60:80], np.s_[height - 60 : height - 30, width - 80 : width - 60]
    assert [bool((right[at] != nowhere[at]).any()) for at in corner] == [False, True]
    assert [bool((left[at] != nowhere[at]).any()) for at in corner] == [True, False]
