"""What is wrong with the shape of a polygon: rings that cross themselves or each other, or enclose nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_nt.imaging.polygon import Polygon, polygon_edges

Edges = NDArray[np.float64]


def ring_fault(polygon: Polygon) -> str:
    """The first fault of a polygon in words; empty for a sound one. Rings may touch, and lie inside each other."""
    crossing = _first_crossing(polygon_edges(polygon))
    if crossing:
        return f"its outline crosses itself near h {crossing[0]:g}, w {crossing[1]:g}"
    flat = [number for number, ring in enumerate(polygon, start=1) if _area(polygon_edges((ring,))) < 1e-9]
    return f"its ring {flat[0]} encloses nothing" if flat else ""


def _first_crossing(edges: Edges) -> tuple[float, float] | None:
    """Where two edges (E, 2, 2) first cross between their ends; edges that only touch do not."""
    start, step = edges[:, 0], edges[:, 1] - edges[:, 0]
    for index in range(len(edges) - 1):
        later = slice(index + 1, None)
        # On which side of one edge both ends of another lie, and the other way round.
        ends = [_cross(step[index], edges[later, end] - start[index]) for end in (0, 1)]
        own = [_cross(step[later], edges[index, end] - start[later]) for end in (0, 1)]
        met = np.flatnonzero((ends[0] * ends[1] < 0) & (own[0] * own[1] < 0))
        if len(met):
            share = own[0][met[0]] / (own[0][met[0]] - own[1][met[0]])
            point = start[index] + share * step[index]
            return float(point[0]), float(point[1])
    return None


def _area(ring_edges: Edges) -> float:
    """Shoelace formula, about the first vertex, so that a place far from the origin costs no digits."""
    moved = ring_edges - ring_edges[0, 0]
    return abs(float(_cross(moved[:, 0], moved[:, 1]).sum())) / 2


def _cross(first: Edges, second: Edges) -> Edges:
    return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])
