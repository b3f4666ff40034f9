"""The panel picture: best, median and worst image of a split, scan beside both stages, error and close-ups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.atomic import atomic_file
from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi

Picture = NDArray[np.uint8]
UnitImage = NDArray[np.float32]

COLUMNS = ("scan", "stage 1", "stage 2", "|stage 2 - scan| x4", "close-up: scan, stage 1, stage 2")
ERROR_GAIN = 4.0
# Divisible by the three close-ups.
_CELL_HEIGHT_PX = 240
_GAP_PX = 6
_STRIP_PX = 26
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
    """A colour picture uint8 (H, W, 3, blue first) with a row of cells for each of `rows`.

    It prints nothing but what it is given; a synthetic dataset is called SYNTHETIC in the title.
    Raises: InputError when there are no rows.
    """
    if not rows:
        raise InputError(expected="at least one image with a region", got="none", fix="add boxes to boxes.csv")
    strips: list[Picture] = []
    for row in rows:
        cells = _cells(row)
        strips += [_strip(row.caption, _line_width(cells)), _line(cells)]
    width = strips[-1].shape[1]
    warning = "SYNTHETIC phantoms, no patients   " if synthetic else ""
    header = [_title(warning, title, width), _column_names(_cells(rows[0]))]
    return np.concatenate([*header, *strips], axis=0)


def write_panel(path: Path, picture: Picture) -> None:
    """Write a panel as PNG, whole or not at all."""
    encoded, data = cv2.imencode(".png", picture)
    if not encoded:
        raise InputError(
            expected="a panel that PNG can hold", got=f"{picture.shape}", fix="use a smaller network input"
        )
    with atomic_file(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _cells(row: PanelRow) -> list[Picture]:
    error = np.clip(np.abs(row.stage2 - row.scan) * ERROR_GAIN, 0.0, 1.0)
    heat = cv2.applyColorMap(_bytes(error), cv2.COLORMAP_INFERNO)
    full = [_gray(row.scan), _gray(row.stage1), _gray(row.stage2), np.asarray(heat, np.uint8)]
    height, width = _cell_size(row.scan)
    # Regions are mostly wide and low: close-ups lie above each other, in a wider cell.
    region = _around(row.roi, *row.scan.shape)
    crops = [_gray(image[region]) for image in (row.scan, row.stage1, row.stage2)]
    close_ups = np.concatenate([_fitted(crop, height // len(crops), width * 3 // 2) for crop in crops], axis=0)
    return [*(_boxed(cell, row.roi, height, width) for cell in full), close_ups]


def _cell_size(image: UnitImage) -> tuple[int, int]:
    return _CELL_HEIGHT_PX, round(_CELL_HEIGHT_PX * image.shape[1] / image.shape[0])


def _boxed(cell: Picture, roi: Roi, height: int, width: int) -> Picture:
    scale_h, scale_w = height / cell.shape[0], width / cell.shape[1]
    # Boxed after enlarging, so that the line stays one pixel thin.
    enlarged = cv2.resize(cell, (width, height), interpolation=cv2.INTER_LINEAR)
    top_left = round(roi.w_min * scale_w), round(roi.h_min * scale_h)
    bottom_right = round(roi.w_max * scale_w), round(roi.h_max * scale_h)
    cv2.rectangle(enlarged, top_left, bottom_right, _BOX_COLOUR, 1)
    return np.asarray(enlarged, np.uint8)


def _fitted(crop: Picture, height: int, width: int) -> Picture:
    """The crop as large as the cell allows, its pixels square, in the middle of the cell."""
    scale = min((height - _GAP_PX) / crop.shape[0], width / crop.shape[1])
    inner_h, inner_w = max(1, int(crop.shape[0] * scale)), max(1, int(crop.shape[1] * scale))
    cell = np.full((height, width, 3), _BACKGROUND, np.uint8)
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    enlarged = cv2.resize(crop, (inner_w, inner_h), interpolation=cv2.INTER_LINEAR)
    cell[top : top + inner_h, left : left + inner_w] = enlarged
    return cell


def _around(roi: Roi, height: int, width: int) -> tuple[slice, slice]:
    """The region with half its shorter side around it, clipped to the image."""
    margin = min(roi.h_max - roi.h_min, roi.w_max - roi.w_min) / 2
    wider = Roi(roi.structure, roi.h_min - margin, roi.w_min - margin, roi.h_max + margin, roi.w_max + margin)
    return wider.slices(height, width)


def _line(cells: list[Picture]) -> Picture:
    gap = np.full((cells[0].shape[0], _GAP_PX, 3), _BACKGROUND, np.uint8)
    return np.concatenate([part for cell in cells for part in (cell, gap)][:-1], axis=1)


def _line_width(cells: list[Picture]) -> int:
    return sum(int(cell.shape[1]) for cell in cells) + _GAP_PX * (len(cells) - 1)


def _column_names(cells: list[Picture]) -> Picture:
    strip = _strip("", _line_width(cells))
    left = 0
    for name, cell in zip(COLUMNS, cells, strict=True):
        _write(strip, name, left + 4, _TEXT_COLOUR)
        left += cell.shape[1] + _GAP_PX
    return strip


def _title(warning: str, title: str, width: int) -> Picture:
    strip = _strip("", width)
    _write(strip, title, 4 + _write(strip, warning, 4, _WARNING_COLOUR), _TEXT_COLOUR)
    return strip


def _strip(text: str, width: int) -> Picture:
    strip = np.full((_STRIP_PX, width, 3), _BACKGROUND, np.uint8)
    _write(strip, text, 4, _TEXT_COLOUR)
    return strip


def _write(strip: Picture, text: str, left_px: int, colour: tuple[int, int, int]) -> int:
    """Write text into a strip; its width in px. OpenCV's letters are ASCII: others are shown as question marks."""
    plain = text.encode("ascii", "replace").decode()
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.5
    cv2.putText(strip, plain, (left_px, _STRIP_PX - 8), font, scale, colour, 1, cv2.LINE_AA)
    (width, _), _ = cv2.getTextSize(plain, font, scale, 1)
    return int(width)


def _gray(image: UnitImage) -> Picture:
    return np.asarray(cv2.cvtColor(_bytes(image), cv2.COLOR_GRAY2BGR), np.uint8)


def _bytes(image: UnitImage) -> Picture:
    return np.asarray(np.rint(np.clip(image, 0.0, 1.0) * 255.0), np.uint8)
