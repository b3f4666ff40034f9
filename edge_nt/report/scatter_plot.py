"""Marks in a plane with a limit on the height: what is gained against what is lost."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.report.axis import Axis, ticks
from edge_nt.report.drawing import box, frame, key, key_height, line, mark, picture, shortened, text
from edge_nt.report.markup import Html


@dataclass(frozen=True)
class Dot:
    """One mark, hollow where it failed, and what it says when pointed at."""

    x: float
    y: float
    series: int
    words: str
    failed: bool = False


@dataclass(frozen=True)
class ScatterPlot:
    """What is shown; above `y_limit` a mark fails. `x_mark` is a value of x with its name beside a line there.

    `y_range` is the least that y shows, so that plots side by side can share an axis.
    """

    title: str
    description: str
    x_name: str
    y_name: str
    dots: tuple[Dot, ...]
    series: tuple[str, ...]
    y_limit: float
    y_limit_name: str
    x_mark: tuple[float, str]
    y_range: tuple[float, float]


def scatter_plot(plot: ScatterPlot, width: int = 540, height: int = 360) -> Html:
    """Draw at least one mark."""
    ys = [*plot.y_range, *(dot.y for dot in plot.dots)]
    top = 38 + key_height(plot.series, width)
    x = Axis(ticks(0.0, max(*(dot.x for dot in plot.dots), plot.x_mark[0])), 56, width - 16)
    y = Axis(ticks(min(*ys, -plot.y_limit / 4), max(*ys, plot.y_limit * 1.25)), height - 48, top)
    over = y.at(plot.y_limit)
    parts = [
        box(x.start_px, y.end_px, x.end_px - x.start_px, over - y.end_px, "refused"),
        frame(x, y, shortened(plot.x_name, width - 72), plot.y_name),
        line(x.start_px, over, x.end_px, over, "limit"),
        text(x.end_px - 4, over - 6, plot.y_limit_name, "end"),
        line(x.at(plot.x_mark[0]), y.start_px, x.at(plot.x_mark[0]), y.end_px, "neutral"),
        text(x.at(plot.x_mark[0]) - 5, y.start_px - 6, shortened(plot.x_mark[1], x.at(plot.x_mark[0]) - 60), "end"),
        *(mark(x.at(dot.x), y.at(dot.y), dot.series, dot.words, dot.failed) for dot in plot.dots),
        key(plot.series, width, lines=False),
    ]
    return picture(width, height, plot.title, plot.description, *parts)
