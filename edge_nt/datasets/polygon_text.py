"""The `polygon` column of boxes.csv: ``h,w h,w h,w; h,w h,w h,w``, one ring after another, in source pixels."""

from __future__ import annotations

from edge_nt.errors import InputError
from edge_nt.imaging.polygon import Polygon

# Python's CSV reader takes fields up to 131072 characters.
_LONGEST_TEXT = 120_000


def polygon_from_text(text: str) -> Polygon:
    """The rings in a cell of the column; an empty cell has none. Raises: ValueError with what is wrong."""
    if not text.strip():
        return ()
    return tuple(tuple(_vertex(pair) for pair in ring.split()) for ring in text.split(";"))


def polygon_to_text(polygon: Polygon) -> str:
    """The cell of a polygon, to ten digits a number. Raises: InputError for an outline too long for a cell."""
    text = "; ".join(" ".join(f"{h:.10g},{w:.10g}" for h, w in ring) for ring in polygon)
    if len(text) > _LONGEST_TEXT:
        raise InputError(
            expected=f"a polygon of at most {_LONGEST_TEXT} characters in boxes.csv",
            got=f"{len(text)} from {sum(map(len, polygon))} vertices",
            fix="smooth the mask or simplify its outline before the import",
        )
    return text


def _vertex(pair: str) -> tuple[float, float]:
    try:
        h, w = (float(side) for side in pair.split(","))
    except ValueError:
        raise ValueError(f"polygon has {pair[:40]!r} where h,w is expected") from None
    return h, w
