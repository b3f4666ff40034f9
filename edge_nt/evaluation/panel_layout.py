"""Where everything in a panel lies, in pixels: drawn from, and written to evaluation.json for whoever cuts it up."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.imaging.roi import Roi

FULL_CELLS = ("scan", "stage 1", "stage 2", "error")
CLOSE_UP_CELLS = ("close-up scan", "close-up stage 1", "close-up stage 2")
CELL_HEIGHT_PX = 240
STRIP_PX = 26
GAP_PX = 6
# Title and column names stand above the first row, a caption above each.
_HEADER_STRIPS = 2


@dataclass(frozen=True)
class PanelCell:
    """One picture in a panel and the rectangle that it fills; `name` is one of FULL_CELLS or CLOSE_UP_CELLS."""

    name: str
    top_px: int
    left_px: int
    height_px: int
    width_px: int


def panel_cells(position: int, image_shape: tuple[int, int], roi: Roi) -> tuple[PanelCell, ...]:
    """The cells of row `position` for images (H, W): scan, both stages and error, then the close-ups of `roi`."""
    top, width = caption_top(position) + STRIP_PX, cell_width(image_shape)
    full = (
        PanelCell(name, top, index * (width + GAP_PX), CELL_HEIGHT_PX, width) for index, name in enumerate(FULL_CELLS)
    )
    region = around(roi, *image_shape)
    crop = region[0].stop - region[0].start, region[1].stop - region[1].start
    # Regions are mostly wide and low: close-ups lie above each other, in a wider column.
    height, left = CELL_HEIGHT_PX // len(CLOSE_UP_CELLS), len(FULL_CELLS) * (width + GAP_PX)
    close_ups = (
        _fitted(name, top + index * height, left, (height, width * 3 // 2), crop)
        for index, name in enumerate(CLOSE_UP_CELLS)
    )
    return (*full, *close_ups)


def panel_size(rows: int, image_shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a panel of so many rows."""
    width = cell_width(image_shape)
    return caption_top(rows), len(FULL_CELLS) * (width + GAP_PX) + width * 3 // 2


def caption_top(position: int) -> int:
    """The first line of the caption above row `position`; of a row that is not there, the panel's height."""
    return _HEADER_STRIPS * STRIP_PX + position * (STRIP_PX + CELL_HEIGHT_PX)


def cell_width(image_shape: tuple[int, int]) -> int:
    """Width of a full picture's cell for images (H, W)."""
    return round(CELL_HEIGHT_PX * image_shape[1] / image_shape[0])


def around(roi: Roi, height: int, width: int) -> tuple[slice, slice]:
    """The region with half its shorter side around it, clipped to the image."""
    margin = min(roi.h_max - roi.h_min, roi.w_max - roi.w_min) / 2
    wider = Roi(roi.structure, roi.h_min - margin, roi.w_min - margin, roi.h_max + margin, roi.w_max + margin)
    return wider.slices(height, width)


def _fitted(name: str, top: int, left: int, space: tuple[int, int], crop: tuple[int, int]) -> PanelCell:
    """The crop as large as the space allows, its pixels square, in the middle of it."""
    scale = min((space[0] - GAP_PX) / crop[0], space[1] / crop[1])
    height, width = max(1, int(crop[0] * scale)), max(1, int(crop[1] * scale))
    return PanelCell(name, top + (space[0] - height) // 2, left + (space[1] - width) // 2, height, width)
