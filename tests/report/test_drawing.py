from __future__ import annotations

import re

import numpy as np
import pytest
from html_tree import Element, parse
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_nt.metrics.roc import auroc
from edge_nt.report.axis import Axis, tick_labels, ticks
from edge_nt.report.forest_plot import Estimate, ForestPlot, forest_plot
from edge_nt.report.histogram_plot import HistogramPlot, histogram_plot
from edge_nt.report.line_plot import LinePlot, Series, line_plot
from edge_nt.report.markup import Html, element
from edge_nt.report.place import signed
from edge_nt.report.roc_curve import roc_points
from edge_nt.report.scatter_plot import Dot, ScatterPlot, scatter_plot

numbers = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-6)


@given(numbers, numbers)
def test_ticks_enclose_the_data_evenly_and_are_few(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assume(high == low or high - low > 1e-6 * max(abs(low), abs(high)))
    values = ticks(low, high)
    assert 2 <= len(values) <= 12
    slack = (values[1] - values[0]) * 1e-6
    assert values[0] <= low + slack
    assert values[-1] >= high - slack
    assert np.allclose(np.diff(values), values[1] - values[0])
    assert len(set(tick_labels(values))) == len(values)


def test_tick_labels_have_the_digits_of_their_step_and_a_true_minus() -> None:
    assert tick_labels((-0.5, 0.0, 0.5)) == ("−0.5", "0.0", "0.5")
    assert tick_labels((0.0, 2500.0, 5000.0)) == ("0", "2\u2009500", "5\u2009000")
    assert ticks(0, 0.97) == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1.0))


def test_what_rounds_to_zero_has_no_sign() -> None:
    assert [signed(value, "+.2f") for value in (-0.001, 0.001, -0.5, 0.5)] == ["0.00", "0.00", "−0.50", "+0.50"]


def test_an_axis_holds_values_inside() -> None:
    axis = Axis((0.0, 5.0, 10.0), 100, 0)
    assert [axis.at(value) for value in (0, 5, 10, 11, -1)] == [100, 50, 0, 0, 100]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_the_area_below_a_roc_curve_is_the_auroc(inside: list[int], outside: list[int]) -> None:
    points = np.array(roc_points(inside, outside))
    assert tuple(points[0]) == (0, 0)
    assert tuple(points[-1]) == (1, 1)
    area = np.sum(np.diff(points[:, 0]) * (points[1:, 1] + points[:-1, 1]) / 2)
    assert area == pytest.approx(auroc(np.array(inside, float), np.array(outside, float)))


def _classed(drawing: Html, name: str, style: str) -> list[Element]:
    return [each for each in parse(drawing).all(name) if style in each.attributes.get("class", "").split()]


def test_a_curve_goes_through_its_points() -> None:
    plot = LinePlot("t", "1", "x", "y", (Series("a", ((0, 0), (5, 10), (10, 5))),))
    points = _classed(line_plot(plot, 540, 300), "polyline", "curve")[0].attributes["points"].split()
    (x0, y0), (x1, y1), (x2, y2) = ([float(part) for part in point.split(",")] for point in points)
    assert (x0, x2) == (56, 540 - 16)
    assert x1 == pytest.approx((x0 + x2) / 2)
    assert (y0, y1) == (300 - 48, 34)
    assert y2 == pytest.approx((y0 + y1) / 2)


def test_a_key_of_any_length_stays_above_its_plot() -> None:
    series = tuple(Series(f"a series with a long name {at}", ((0, 0), (1, 1))) for at in range(7))
    drawing = line_plot(LinePlot("t", "1", "x", "y", series), 540, 400)
    drawn = parse(drawing)
    keys = [each for each in drawn.all("text") if each.text().startswith("a series")]
    lowest = max(float(each.attributes["y"]) for each in keys)
    highest = min(float(each.attributes["y1"]) for each in _classed(drawing, "line", "grid"))
    assert len({each.attributes["y"] for each in keys}) > 2
    assert lowest + 5 < highest - 14  # above the name of the y axis too


def test_every_frame_is_in_one_bar_and_bars_are_as_high_as_their_counts() -> None:
    sets = (("a", (1.0, 1.01, 5.0)), ("b", (9.9, 9.9, 9.9, 9.9)))
    drawing = histogram_plot(HistogramPlot("t", "1", "x", sets, 5.0, "limit"))
    heights = [float(bar.attributes["height"]) for bar in _classed(drawing, "rect", "bar")]
    assert len(heights) == 3
    assert heights[0] == pytest.approx(2 * heights[1])
    assert heights[2] == heights[0]  # each set to its own tallest bar


def test_an_interval_spans_its_bounds_around_the_mark() -> None:
    lines = (Estimate("m", -10, -15, -5, "w", 0), Estimate("m", 5, 0, 10, "w", 1))
    drawing = forest_plot(ForestPlot("t", "1", "x", 0.0, lines, ("a", "b")))
    first, second = _classed(drawing, "line", "interval")
    zero = next(each for each in _classed(drawing, "line", "limit"))
    assert float(first.attributes["x2"]) < float(zero.attributes["x1"]) == float(second.attributes["x1"])
    # The axis runs from -15 to 10, between the names on its left and the words on its right.
    ends = [float(each.attributes[end]) for each in (first, second) for end in ("x1", "x2")]
    assert ends == pytest.approx([250, 378, 442, 570])


@pytest.mark.parametrize("words", ["0.00328, up to 0.00366 grey levels", "w" * 1000])
def test_words_beside_an_interval_never_lie_on_the_drawing(words: str) -> None:
    drawing = forest_plot(ForestPlot("t", "1", "x", 1.0, (Estimate("m", 0, -1, 1, words, 0),), ("a",)))
    (limit,) = _classed(drawing, "line", "limit")
    shown = max((each.text() for each in parse(drawing).all("text")), key=len)
    assert float(limit.attributes["x1"]) < 760 - 6.6 * len(shown)


def test_a_loss_beyond_the_gate_lies_in_the_shaded_part() -> None:
    dots = (Dot(0.5, 0.2, 0, "fine"), Dot(0.4, 3.0, 1, "lost", failed=True))
    plot = ScatterPlot("t", "1", "x", "y", dots, ("a", "b"), 1.0, "gate", (1.0, "base"), (0.0, 3.0))
    drawing = scatter_plot(plot)
    shade = _classed(drawing, "rect", "refused")[0].attributes
    top, bottom = float(shade["y"]), float(shade["y"]) + float(shade["height"])
    for mark in _classed(drawing, "path", "mark"):
        if titles := list(mark.all("title")):
            y = float(re.match(r"M\S+ (\S+?)[a-z]", mark.attributes["d"])[1])  # type: ignore[index]
            assert (top <= y + 4 <= bottom) == (titles[0].text() == "lost")
            assert ("hollow" in mark.attributes["class"]) == (titles[0].text() == "lost")


def test_text_is_escaped_wherever_it_is_put_and_markup_stays() -> None:
    inner = element("i", {"title": '"<&>'}, "<x>")
    assert element("p", {}, inner, "&") == '<p><i title="&quot;&lt;&amp;&gt;">&lt;x&gt;</i>&amp;</p>'
    # What string methods make of markup is no markup any more.
    assert (
        element("p", {}, inner + "") == f"<p>{'&lt;i title=&quot;&amp;quot;&amp;lt;&amp;amp;&amp;gt;&quot;&gt;'}"
        "&amp;lt;x&amp;gt;&lt;/i&gt;</p>"
    )
