from __future__ import annotations

import cv2
import numpy as np

from edge_nt.phantom.sector import draw_sector, to_beams, to_frame
from edge_nt.phantom.style import hospital_style


def test_apex_lies_above_the_frame() -> None:
    for hospital in range(26):
        style = hospital_style(hospital)
        sector = draw_sector(np.random.default_rng(hospital), style)
        assert sector.apex_y_px < -0.3 * style.frame_height_px
        assert 0 < sector.apex_x_px < style.frame_width_px


def test_frame_to_beams_and_back_is_the_frame() -> None:
    style = hospital_style(0)
    height, width = style.frame_height_px, style.frame_width_px
    sector = draw_sector(np.random.default_rng(0), style)
    picture = cv2.GaussianBlur(np.random.default_rng(0).random((height, width), np.float32), (0, 0), 6)
    (beams,) = to_beams((picture,), sector)
    back = to_frame(beams, sector, height, width)
    # Half a pixel of shift would cost several times this.
    middle = np.s_[100:400, 200:440]
    assert np.abs(back[middle] - picture[middle]).max() < 0.05 * np.ptp(picture)
    shifted = np.abs(np.roll(picture, 1, axis=1)[middle] - picture[middle]).max()
    assert np.abs(back[middle] - picture[middle]).max() < 0.2 * shifted
