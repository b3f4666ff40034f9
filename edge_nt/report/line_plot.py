"""Curves over a common axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_nt.report.axis import Axis, ticks
from edge_nt.report.drawing import curve, frame, key, key_height, line, mark, picture, text
from edge_nt.report.markup import Html

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A named curve through points (x, y); marks stand on the points in `marked`, each with what it says."""

    name: str
    points: tuple[Point, ...]
    marked: tuple[tuple[Point, str], ...] = ()


@dataclass(frozen=True)
class LinePlot:
    """What a line plot shows. `x_marks` are values of x with a word above a line there; limits None fit the data."""

    title: str
    description: str
    x_name: str
    y_name: str
    series: tuple[Series, ...]
    x_marks: tuple[tuple[float, str], ...] = ()
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None


def line_plot(plot: LinePlot, width: int = 720, height: int = 320) -> Html:
    """Draw at least one series of at least one point."""
    points = [point for series in plot.series for point in series.points]
    x = Axis(_ticks([x for x, _ in points], plot.x_limits), 56, width - 16)
    # The name of the y axis says enough of a single curve.
    names = [series.name for series in plot.series] if len(plot.series) > 1 else []
    y = Axis(_ticks([y for _, y in points], plot.y_limits), height - 48, 34 + key_height(names, width))
    parts = [frame(x, y, plot.x_name, plot.y_name)]
    for value, name in plot.x_marks:
        parts.append(line(x.at(value), y.start_px, x.at(value), y.end_px, "limit"))
        parts.append(text(x.at(value) + 5, y.end_px + 10, name))
    for index, series in enumerate(plot.series):
        parts.append(curve([(x.at(a), y.at(b)) for a, b in series.points], index))
        parts += [mark(x.at(a), y.at(b), index, title) for (a, b), title in series.marked]
    return picture(width, height, plot.title, plot.description, *parts, key(names, width, lines=True))


def _ticks(values: Sequence[float], limits: tuple[float, float] | None) -> tuple[float, ...]:
    low, high = limits or (min(values), max(values))
    return ticks(low, high)
