"""The polygon column: written and read back, and whatever else a cell may hold; faults of shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import BOW_TIE, RING

from edge_nt.datasets.dataset import BOX_COLUMNS, parse_box
from edge_nt.datasets.polygon_text import polygon_from_text, polygon_to_text
from edge_nt.datasets.ring_faults import ring_fault
from edge_nt.errors import InputError
from edge_nt.imaging.polygon import Polygon

NUMBER = st.floats(-1000, 3000).map(lambda value: float(f"{value:.10g}"))
RINGS = st.lists(st.lists(st.tuples(NUMBER, NUMBER), min_size=3, max_size=6).map(tuple), max_size=3).map(tuple)


@given(RINGS)
def test_what_is_written_is_read_back(polygon: Polygon) -> None:
    assert polygon_from_text(polygon_to_text(polygon)) == polygon


@given(st.text(st.sampled_from("0123456789.,;- einfa\n\t|"), max_size=60))
def test_any_cell_is_a_polygon_or_a_value_error(text: str) -> None:
    raw = dict(zip(BOX_COLUMNS, ("a.png", "NT", "0", "0", "9", "9", ""), strict=True)) | {"polygon": text}
    try:
        box = parse_box(raw)
    except ValueError:
        return
    assert all(len(ring) >= 3 for ring in box.roi.polygon)
    assert bool(box.roi.polygon) == bool(text.strip())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,2 3,4", "at least 3 points each, got one with 2"),
        ("1,2 3,4 5,6;", "got one with 0"),
        ("1,2 3,4 5", "'5' where h,w"),
        ("1,2 3,4 5,6,7", "'5,6,7' where h,w"),
        ("1, 2 3,4 5,6", "'1,' where h,w"),
        ("0,0 0,9 nan,9", "within a million pixels"),
        ("0,0 0,9 9,9.6", "box and polygon disagree: the box has h 0 to 9, w 0 to 9, the polygon h 0 to 9, w 0 to 9.6"),
        ("0,0 5,9 0,9", "box and polygon disagree"),
    ],
)
def test_mistakes_are_named(text: str, reason: str) -> None:
    raw = dict(zip(BOX_COLUMNS, ("a.png", "NT", "0", "0", "9", "9", ""), strict=True)) | {"polygon": text}
    with pytest.raises(ValueError, match=reason):
        parse_box(raw)


def test_a_box_rounded_around_its_polygon_becomes_the_polygons_own() -> None:
    raw = dict(zip(BOX_COLUMNS, ("a.png", "NT", "0", "0", "9", "9", ""), strict=True))
    roi = parse_box(raw | {"polygon": "0.3,0.4 0.3,8.6 8.9,8.6"}).roi
    assert (roi.h_min, roi.w_min, roi.h_max, roi.w_max) == (0.3, 0.4, 8.9, 8.6)


def test_an_outline_too_long_for_a_cell_is_refused() -> None:
    with pytest.raises(InputError, match="simplify its outline"):
        polygon_to_text((tuple((float(at), float(at % 7)) for at in range(20_000)),))


@pytest.mark.parametrize(
    ("polygon", "fault"),
    [
        ((RING,), ""),
        ((RING, tuple((h / 2 + 2, w / 2 + 2) for h, w in RING)), ""),
        ((RING, tuple((h + 10, w + 10) for h, w in RING)), ""),
        ((BOW_TIE,), "crosses itself near h 5, w 5"),
        ((RING, tuple((h + 5, w + 5) for h, w in RING)), "crosses itself"),
        ((((0.0, 0.0), (4.0, 4.0), (8.0, 8.0)),), "ring 1 encloses nothing"),
        ((RING, ((1e5, 1e5), (1e5 + 4, 1e5 + 4), (1e5 + 2, 1e5 + 2))), "ring 2 encloses nothing"),
    ],
)
def test_faults_of_shape(polygon: Polygon, fault: str) -> None:
    found = ring_fault(polygon)
    assert fault in found
    assert bool(found) == bool(fault)
