"""What the newest reconstruction loses inside a rectangle that somebody drew, or inside the sector of the display."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import affine_for, to_unit_range
from edge_nt.imaging.roi import Roi
from edge_nt.imaging.sector import sector_mask
from edge_nt.metrics.roi_metrics import roi_metrics
from edge_nt.runtime.reconstruction import Reconstruction


@dataclass(frozen=True)
class RegionFigures:
    """|scan − reconstruction| in [0, 1] at network size, where ROI figures of evaluations are taken too.

    Nobody detects a structure here: `of` says that a person drew the ``rectangle``, or that there was none and the
    ``sector`` of the display counted, or the whole ``frame`` where it has no sector. `edge_mae` is that of a rectangle.
    """

    of: Literal["rectangle", "sector", "frame"]
    pixels: int
    mae: float
    largest: float
    edge_mae: float | None


def parse_rectangle(text: str) -> Roi:
    """``top,left,bottom,right`` in source pixels. Raises: InputError for anything else."""
    parts = text.split(",")
    try:
        edges = [float(part) for part in parts]
    except ValueError:
        edges = []
    if len(edges) != 4 or not all(math.isfinite(edge) and abs(edge) < 1e6 for edge in edges):
        raise InputError(
            expected="a rectangle as top,left,bottom,right in pixels",
            got=repr(text[:60]),
            fix="drag it on the scan, or write four numbers",
        )
    return Roi("rectangle", edges[0], edges[1], edges[2], edges[3])


def region_figures(result: Reconstruction, rectangle: Roi | None) -> RegionFigures:
    """The figures inside `rectangle`, in source pixels, or inside the sector for None.

    Raises: InputError for a rectangle beside the frame.
    """
    reference = to_unit_range(result.network_input[None])[0, 0]
    errors = np.abs(reference - result.network_output)
    if rectangle is None:
        return _of_display(result, errors)
    inside = _clipped(rectangle, result.source_height_px, result.source_width_px)
    region = affine_for(result.source_height_px, result.source_width_px, result.preprocess).to_network(inside)
    found = roi_metrics(reference, result.network_output, region)
    chosen = region.inside(errors)
    return RegionFigures("rectangle", chosen.size, found.mae, float(chosen.max()), found.edge_mae)


def _of_display(result: Reconstruction, errors: NDArray[np.float32]) -> RegionFigures:
    # The black around the sector is reconstructed well, and would flatter.
    mask = sector_mask(result.network_input)
    found = mask.any()
    chosen = errors[mask] if found else errors[frame_slices(result)]
    of: Literal["sector", "frame"] = "sector" if found else "frame"
    return RegionFigures(of, chosen.size, float(chosen.mean()), float(chosen.max()), None)


def frame_slices(result: Reconstruction) -> tuple[slice, slice]:
    """Rows and columns of the frame at network size, without letterbox bars."""
    height, width = result.source_height_px, result.source_width_px
    whole = Roi("frame", 0, 0, height, width)
    return affine_for(height, width, result.preprocess).to_network(whole).slices(*result.network_input.shape)


def _clipped(rectangle: Roi, height: int, width: int) -> Roi:
    if not rectangle.overlaps(height, width):
        raise InputError(
            expected=f"a rectangle that overlaps the frame of {height}x{width} px",
            got=f"rows {rectangle.h_min:g} to {rectangle.h_max:g}, columns {rectangle.w_min:g} to {rectangle.w_max:g}",
            fix="draw another one",
        )
    top, left = max(rectangle.h_min, 0.0), max(rectangle.w_min, 0.0)
    return Roi("rectangle", top, left, min(rectangle.h_max, height), min(rectangle.w_max, width))
