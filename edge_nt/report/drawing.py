"""The parts that all plots share: the picture with its text for those who cannot see it, lines, marks, frames."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from edge_nt.report.axis import Axis, tick_labels
from edge_nt.report.markup import Html, element, joined

# A series is told by its colour, the shape of its marks and the dashes of its line, any one of which is enough.
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "1 2")
# The mean width of a letter at the size of the tick labels, with room to spare.
_LETTER_PX = 6.6
_KEY_ROW_PX = 18
_SHAPES = ("circle", "square", "triangle", "diamond", "cross", "plus")


def picture(width: int, height: int, title: str, description: str, *children: str) -> Html:
    """An inline SVG that scales down with the page; `description` states what a reader would take from it."""
    # Names come from what the picture says, so that the same page has the same names.
    name = "p" + hashlib.sha256(f"{title}\0{description}".encode()).hexdigest()[:10]
    labels = (element("title", {"id": f"{name}-t"}, title), element("desc", {"id": f"{name}-d"}, description))
    attributes = {
        "viewBox": f"0 0 {width} {height}",
        "width": str(width),
        "height": str(height),
        "role": "img",
        "aria-labelledby": f"{name}-t {name}-d",
    }
    return element("svg", attributes, *labels, *children)


def frame(x: Axis, y: Axis, x_name: str, y_name: str, *, has_scale: bool = True) -> Html:
    """Gridlines, tick labels and axis names around the plot area; without a scale, y is the caller's."""
    parts: list[Html] = []
    for value, label in zip(y.ticks, tick_labels(y.ticks), strict=True) if has_scale else ():
        parts.append(line(x.start_px, y.at(value), x.end_px, y.at(value), "grid"))
        parts.append(text(x.start_px - 7, y.at(value) + 4, label, "end"))
    for value, label in zip(x.ticks, tick_labels(x.ticks), strict=True):
        parts.append(line(x.at(value), y.start_px, x.at(value), y.start_px + 5, "axis"))
        parts.append(text(x.at(value), y.start_px + 19, label, "middle"))
    parts.append(line(x.start_px, y.start_px, x.end_px, y.start_px, "axis"))
    parts.append(text((x.start_px + x.end_px) / 2, y.start_px + 38, x_name, "middle", "name"))
    parts.append(text(x.start_px - 45, y.end_px - 14, y_name, "start", "name"))
    return joined(parts)


def text(x_px: float, y_px: float, words: str, anchor: str = "start", style: str = "tick") -> Html:
    """A line of text at a place."""
    return element("text", {"x": _px(x_px), "y": _px(y_px), "text-anchor": anchor, "class": style}, words)


def line(x1_px: float, y1_px: float, x2_px: float, y2_px: float, style: str) -> Html:
    """A straight line."""
    ends = {"x1": _px(x1_px), "y1": _px(y1_px), "x2": _px(x2_px), "y2": _px(y2_px)}
    return element("line", {**ends, "class": style})


def box(left_px: float, top_px: float, width_px: float, height_px: float, style: str) -> Html:
    """A filled rectangle."""
    sides = {"x": _px(left_px), "y": _px(top_px), "width": _px(width_px), "height": _px(height_px)}
    return element("rect", {**sides, "class": style})


def curve(points: Sequence[tuple[float, float]], series: int) -> Html:
    """A line through points (x px, y px) in the colour and dashes of a series."""
    path = " ".join(f"{_px(x_px)},{_px(y_px)}" for x_px, y_px in points)
    dashes = DASHES[series % len(DASHES)]
    return element("polyline", {"points": path, "class": f"curve s{series % 6}", "stroke-dasharray": dashes or "none"})


def mark(x_px: float, y_px: float, series: int, title: str = "", hollow: bool = False) -> Html:
    """A mark in the colour and shape of a series; `title` is what it says when pointed at."""
    style = f"mark {'hollow ' if hollow else ''}s{series % 6}"
    label = (element("title", {}, title),) if title else ()
    return element("path", {"d": _outline(_SHAPES[series % len(_SHAPES)], x_px, y_px), "class": style}, *label)


def key(names: Sequence[str], width_px: float, *, lines: bool) -> Html:
    """What each series is called, in rows from the top left; with line samples or marks alone."""
    parts: list[Html] = []
    for series, (x_px, row, name) in enumerate(_key_places(names, width_px)):
        y_px = 14 + row * _KEY_ROW_PX
        if lines:
            parts.append(curve(((x_px, y_px), (x_px + 24, y_px)), series))
        else:
            parts.append(mark(x_px + 12, y_px, series))
        parts.append(text(x_px + 30, y_px + 4, name))
    return joined(parts)


def key_height(names: Sequence[str], width_px: float) -> float:
    """How much room above a plot its key takes."""
    return _KEY_ROW_PX * (1 + max((row for _, row, _ in _key_places(names, width_px)), default=-1))


def _key_places(names: Sequence[str], width_px: float) -> list[tuple[float, int, str]]:
    """Left end, row and shown name of every entry."""
    places: list[tuple[float, int, str]] = []
    x_px, row = 0.0, 0
    for name in names:
        shown = shortened(name, width_px - 38)
        needed_px = 48 + width_of(shown)
        if x_px > 0 and x_px + needed_px > width_px:
            x_px, row = 0.0, row + 1
        places.append((x_px, row, shown))
        x_px += needed_px
    return places


def width_of(words: str) -> float:
    """About how wide words are drawn, in px."""
    return _LETTER_PX * len(words)


def shortened(words: str, width_px: float) -> str:
    """Words cut to a width: a name from a file may be of any length. The description has them in full."""
    letters = max(4, int(width_px / _LETTER_PX))
    return words if len(words) <= letters else f"{words[: letters - 1]}…"


def _outline(shape: str, x: float, y: float) -> str:
    moves = {
        "circle": f"M{_px(x - 4.5)} {_px(y)}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
        "square": f"M{_px(x - 4)} {_px(y - 4)}h8v8h-8z",
        "triangle": f"M{_px(x)} {_px(y - 5.5)}l5.2 9h-10.4z",
        "diamond": f"M{_px(x)} {_px(y - 6)}l5 6l-5 6l-5 -6z",
        "cross": f"M{_px(x - 5)} {_px(y - 3)}l2 -2l3 3l3 -3l2 2l-3 3l3 3l-2 2l-3 -3l-3 3l-2 -2l3 -3z",
        "plus": f"M{_px(x - 1.6)} {_px(y - 5.5)}h3.2v3.9h3.9v3.2h-3.9v3.9h-3.2v-3.9h-3.9v-3.2h3.9z",
    }
    return moves[shape]


def _px(value: float) -> str:
    # Tenths of a pixel: finer is not seen, and the page stays small.
    return f"{value:.1f}".removesuffix(".0")
