"""Estimates with their intervals, one a line, against a line where nothing changes."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.report.axis import Axis, ticks
from edge_nt.report.drawing import frame, key, key_height, line, mark, picture, shortened, text, width_of
from edge_nt.report.markup import Html

_LINE_PX = 24
_LABEL_PX = 250
# For the words at the right; longer ones are cut off.
_SMALLEST_WORDS_PX, _LARGEST_WORDS_PX = 190, 280


@dataclass(frozen=True)
class Estimate:
    """One line: its name, estimate and bounds, the same in words, and which series it is of."""

    name: str
    estimate: float
    low: float
    high: float
    words: str
    series: int


@dataclass(frozen=True)
class ForestPlot:
    """What a forest plot shows; `neutral` is the value of no change, `series` names the colours and shapes."""

    title: str
    description: str
    x_name: str
    neutral: float
    estimates: tuple[Estimate, ...]
    series: tuple[str, ...] = ()


def forest_plot(plot: ForestPlot, width: int = 760) -> Html:
    """Draw at least one estimate; lines of one name after another share that name."""
    values = [value for each in plot.estimates for value in (each.low, each.high)]
    top, height = 14 + key_height(plot.series, width), len(plot.estimates) * _LINE_PX
    longest_px = 20 + max(width_of(each.words) for each in plot.estimates)
    words_px = min(max(longest_px, _SMALLEST_WORDS_PX), _LARGEST_WORDS_PX)
    x = Axis(ticks(min(*values, plot.neutral), max(*values, plot.neutral)), _LABEL_PX, width - words_px)
    y = Axis((0.0, 1.0), top + height, top)
    parts = [frame(x, y, plot.x_name, "", has_scale=False)]
    parts.append(line(x.at(plot.neutral), y.start_px, x.at(plot.neutral), y.end_px, "limit"))
    previous = ""
    for index, each in enumerate(plot.estimates):
        middle = top + (index + 0.5) * _LINE_PX
        if each.name != previous:
            if index:
                parts.append(line(0, middle - _LINE_PX / 2, width, middle - _LINE_PX / 2, "grid"))
            parts.append(text(0, middle + 4, shortened(each.name, _LABEL_PX), "start", "name"))
        previous = each.name
        parts.append(line(x.at(each.low), middle, x.at(each.high), middle, f"interval s{each.series % 6}"))
        parts.append(mark(x.at(each.estimate), middle, each.series, f"{each.name}: {each.words}"))
        parts.append(text(width, middle + 4, shortened(each.words, words_px - 20), "end"))
    parts.append(key(plot.series, width, lines=False))
    return picture(width, round(top + height + 46), plot.title, plot.description, *parts)
