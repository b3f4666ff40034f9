"""The panel picture: best, median and worst image of a split, scan beside both stages, error and close-ups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.atomic import atomic_file
from edge_nt.errors import InputError
from edge_nt.evaluation.panel_layout import (
    FULL_CELLS,
    GAP_PX,
    STRIP_PX,
    PanelCell,
    around,
    caption_top,
    cell_width,
    panel_cells,
    panel_size,
)
from edge_nt.imaging.roi import Roi

Picture = NDArray[np.uint8]
UnitImage = NDArray[np.float32]

COLUMNS = ("scan", "stage 1", "stage 2", "|stage 2 - scan| x4", "close-up: scan, stage 1, stage 2")
ERROR_GAIN = 4.0
_BACKGROUND = 24
_TEXT_COLOUR = (235, 235, 235)
_WARNING_COLOUR = (80, 170, 255)
_BOX_COLOUR = (90, 220, 120)


@dataclass(frozen=True)
class PanelRow:
    """One image of a panel: what to write above it, scan and reconstructions (H, W) in [0, 1], and its region."""

    caption: str
    scan: UnitImage
    stage1: UnitImage
    stage2: UnitImage
    roi: Roi


def draw_panel(rows: tuple[PanelRow, ...], *, title: str, synthetic: bool) -> Picture:
    """A colour picture uint8 (H, W, 3, blue first) with a row of cells for each of `rows`, all of one size.

    It prints nothing but what it is given; a synthetic dataset is called SYNTHETIC in the title.
    Raises: InputError when there are no rows.
    """
    if not rows:
        raise InputError(expected="at least one image with a region", got="none", fix="add boxes to boxes.csv")
    shape = rows[0].scan.shape[0], rows[0].scan.shape[1]
    panel = np.full((*panel_size(len(rows), shape), 3), _BACKGROUND, np.uint8)
    warning = "SYNTHETIC phantoms, no patients   " if synthetic else ""
    _write(panel, title, 0, 4 + _write(panel, warning, 0, 4, _WARNING_COLOUR))
    for index, name in enumerate(COLUMNS):
        _write(panel, name, STRIP_PX, index * (cell_width(shape) + GAP_PX) + 4)
    for position, row in enumerate(rows):
        _write(panel, row.caption, caption_top(position), 4)
        for cell, picture in zip(panel_cells(position, shape, row.roi), _pictures(row), strict=True):
            place = slice(cell.top_px, cell.top_px + cell.height_px), slice(cell.left_px, cell.left_px + cell.width_px)
            panel[place] = _enlarged(picture, cell, row.roi if cell.name in FULL_CELLS else None)
    return panel


def write_panel(path: Path, picture: Picture) -> None:
    """Write a panel as PNG, whole or not at all."""
    encoded, data = cv2.imencode(".png", picture)
    if not encoded:
        raise InputError(
            expected="a panel that PNG can hold", got=f"{picture.shape}", fix="use a smaller network input"
        )
    with atomic_file(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _pictures(row: PanelRow) -> list[Picture]:
    """What the cells of a row show, in the order of `panel_cells`, in pixels of the network input."""
    error = np.clip(np.abs(row.stage2 - row.scan) * ERROR_GAIN, 0.0, 1.0)
    heat = np.asarray(cv2.applyColorMap(_bytes(error), cv2.COLORMAP_INFERNO), np.uint8)
    region = around(row.roi, *row.scan.shape)
    images = (row.scan, row.stage1, row.stage2)
    return [*(_gray(image) for image in images), heat, *(_gray(image[region]) for image in images)]


def _enlarged(picture: Picture, cell: PanelCell, roi: Roi | None) -> Picture:
    enlarged = cv2.resize(picture, (cell.width_px, cell.height_px), interpolation=cv2.INTER_LINEAR)
    if roi is not None:
        # Outlined after enlarging, so that the line stays one pixel thin.
        scale_h, scale_w = cell.height_px / picture.shape[0], cell.width_px / picture.shape[1]
        placed = roi.mapped(lambda h: h * scale_h, lambda w: w * scale_w).outline
        rings = [np.rint(np.asarray(ring)[:, ::-1]).astype(np.int32) for ring in placed]
        cv2.polylines(enlarged, rings, isClosed=True, color=_BOX_COLOUR)
    return np.asarray(enlarged, np.uint8)


def _write(panel: Picture, text: str, top_px: int, left_px: int, colour: tuple[int, int, int] = _TEXT_COLOUR) -> int:
    """Write text into a strip; its width in px. OpenCV's letters are ASCII: others are shown as question marks."""
    plain = text.encode("ascii", "replace").decode()
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.5
    cv2.putText(panel, plain, (left_px, top_px + STRIP_PX - 8), font, scale, colour, 1, cv2.LINE_AA)
    (width, _), _ = cv2.getTextSize(plain, font, scale, 1)
    return int(width)


def _gray(image: UnitImage) -> Picture:
    return np.asarray(cv2.cvtColor(_bytes(image), cv2.COLOR_GRAY2BGR), np.uint8)


def _bytes(image: UnitImage) -> Picture:
    return np.asarray(np.rint(np.clip(image, 0.0, 1.0) * 255.0), np.uint8)
