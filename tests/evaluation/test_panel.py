from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_nt.errors import InputError
from edge_nt.evaluation.panel import PanelRow, draw_panel, write_panel
from edge_nt.imaging.roi import Roi

BOX_COLOUR = (90, 220, 120)
# With these sides an image fills a cell pixel for pixel: title, column names and caption are three strips of 26 px.
HEIGHT, WIDTH, STRIP, GAP = 240, 320, 26, 6


def _row(scan: float, first: float, second: float, caption: str = "best") -> PanelRow:
    images = [np.full((HEIGHT, WIDTH), value, np.float32) for value in (scan, first, second)]
    return PanelRow(caption, *images, Roi("NT", 100, 60, 120, 160))


def _cell(picture: np.ndarray, column: int) -> np.ndarray:
    left = column * (WIDTH + GAP)
    return picture[3 * STRIP : 3 * STRIP + HEIGHT, left : left + WIDTH]


def test_cells_show_scan_both_stages_and_the_error_times_four() -> None:
    picture = draw_panel((_row(0.5, 0.25, 0.6),), title="set", synthetic=False)
    for column, value in ((0, 0.5), (1, 0.25), (2, 0.6)):
        assert tuple(_cell(picture, column)[10, 10]) == (round(value * 255),) * 3
    heat = cv2.applyColorMap(np.full((1, 1), round(0.4 * 255), np.uint8), cv2.COLORMAP_INFERNO)[0, 0]
    assert np.array_equal(_cell(picture, 3)[10, 10], heat)


def test_the_box_is_drawn_where_the_region_lies() -> None:
    picture = draw_panel((_row(0.5, 0.5, 0.5),), title="set", synthetic=False)
    drawn = np.all(_cell(picture, 0) == BOX_COLOUR, axis=2)
    rows, columns = np.nonzero(drawn)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (100, 120, 60, 160)
    assert drawn.sum() == 2 * 21 + 2 * 99


def test_close_ups_lie_above_each_other_scan_first() -> None:
    picture = draw_panel((_row(0.9, 0.3, 0.6),), title="set", synthetic=False)
    column = picture[3 * STRIP :, 4 * (WIDTH + GAP) + WIDTH * 3 // 4, 0]
    assert [int(column[40 + 80 * place]) for place in range(3)] == [round(v * 255) for v in (0.9, 0.3, 0.6)]


def test_title_says_synthetic_only_where_it_is() -> None:
    plain = draw_panel((_row(0.5, 0.5, 0.5),), title="set", synthetic=False)
    warned = draw_panel((_row(0.5, 0.5, 0.5),), title="set", synthetic=True)
    assert np.array_equal(plain[STRIP:], warned[STRIP:])
    # The warning is the one thing in colour up there.
    title = warned[:STRIP].astype(int)
    assert np.any(title[..., 2] - title[..., 0] > 100)
    assert not np.any(plain[:STRIP].astype(int)[..., 2] - plain[:STRIP].astype(int)[..., 0] > 100)


def test_rows_follow_each_other_and_survive_the_file(tmp_path: Path) -> None:
    one = draw_panel((_row(0.2, 0.2, 0.2),), title="set", synthetic=True)
    two = draw_panel((_row(0.2, 0.2, 0.2), _row(0.7, 0.7, 0.7, "worst")), title="set", synthetic=True)
    assert two.shape == (one.shape[0] + STRIP + HEIGHT, one.shape[1], 3)
    assert np.array_equal(two[: len(one)], one)
    write_panel(tmp_path / "panel.png", two)
    assert np.array_equal(cv2.imread(str(tmp_path / "panel.png")), two)
    assert [path.name for path in tmp_path.iterdir()] == ["panel.png"]


def test_refuses_a_panel_of_nothing() -> None:
    with pytest.raises(InputError, match="at least one image"):
        draw_panel((), title="set", synthetic=False)
