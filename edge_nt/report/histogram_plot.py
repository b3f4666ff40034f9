"""Histograms of several sets, one above the other on one axis, with a threshold through all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_nt.report.axis import Axis, ticks
from edge_nt.report.drawing import box, frame, line, picture, shortened, text
from edge_nt.report.markup import Html

_BAND_PX = 84
_BINS = 32


@dataclass(frozen=True)
class HistogramPlot:
    """What is shown: named values, at least one of each, and the threshold; a set's tallest bar fills its band."""

    title: str
    description: str
    x_name: str
    sets: tuple[tuple[str, tuple[float, ...]], ...]
    threshold: float
    threshold_name: str


def histogram_plot(plot: HistogramPlot, width: int = 540) -> Html:
    """Draw the sets from top to bottom, all with the same bins."""
    values = [value for _, each in plot.sets for value in each]
    top, height = 24, len(plot.sets) * _BAND_PX
    x = Axis(ticks(min(*values, plot.threshold), max(*values, plot.threshold)), 8, width - 8)
    y = Axis((0.0, 1.0), top + height, top)
    parts = [frame(x, y, plot.x_name, "", has_scale=False)]
    for index, (name, each) in enumerate(plot.sets):
        floor = top + (index + 1) * _BAND_PX
        parts += [*_bars(x, each, floor, index), line(x.start_px, floor, x.end_px, floor, "axis")]
        parts.append(text(x.start_px, floor - _BAND_PX + 18, shortened(name, width), "start", "name"))
    at = x.at(plot.threshold)
    parts.append(line(at, y.start_px, at, y.end_px - 4, "limit"))
    parts.append(text(at, y.end_px - 8, plot.threshold_name, "end" if at > width * 0.6 else "start"))
    return picture(width, top + height + 46, plot.title, plot.description, *parts)


def _bars(x: Axis, values: tuple[float, ...], floor_px: float, series: int) -> list[Html]:
    counts, edges = np.histogram(values, bins=_BINS, range=(x.ticks[0], x.ticks[-1]))
    scale = (_BAND_PX - 26) / counts.max()
    return [
        box(x.at(left), floor_px - count * scale, x.at(right) - x.at(left), count * scale, f"bar s{series % 6}")
        for count, left, right in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        if count
    ]
