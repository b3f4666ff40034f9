"""Polygons as regions: rings of vertices, and which pixels they touch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError

# Vertices as (h, w) in continuous pixel coordinates; a ring closes by itself. Rings are filled by the even-odd rule: a
# second ring elsewhere is another piece, one inside the first is a hole.
Ring = tuple[tuple[float, float], ...]
Polygon = tuple[Ring, ...]

# Far beyond any picture; larger coordinates would lose the fraction of a pixel, and at last overflow.
_LARGEST_COORDINATE_PX = 1e6


def polygon_bounds(polygon: Polygon) -> tuple[float, float, float, float]:
    """h_min, w_min, h_max and w_max over the vertices of all rings.

    Raises: InputError without rings, for a ring of fewer than 3 points, or a vertex that is not finite or lies more
    than a million pixels away.
    """
    shortest = min((len(ring) for ring in polygon), default=0)
    if shortest < 3:
        raise InputError(
            expected="a polygon of rings with at least 3 points each",
            got=f"one with {shortest}" if polygon else "none",
            fix="correct the polygon in boxes.csv",
        )
    far = [v for ring in polygon for v in ring if not all(abs(side) <= _LARGEST_COORDINATE_PX for side in v)]
    if far or any(math.isnan(side) for ring in polygon for vertex in ring for side in vertex):
        raise InputError(
            expected="vertices within a million pixels", got=f"{far[0]}", fix="correct the polygon in boxes.csv"
        )
    h, w = ([vertex[axis] for ring in polygon for vertex in ring] for axis in (0, 1))
    return min(h), min(w), max(h), max(w)


def polygon_mask(polygon: Polygon, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels (H, W) that the inside of `polygon` touches, where pixel (r, c) covers [r, r + 1) × [c, c + 1).

    Any overlap counts, so that a region thinner than a pixel keeps its pixels and a rectangle has those of its box.
    A pixel that no edge passes through lies wholly on one side, and its centre says on which.
    """
    edges, mask = polygon_edges(polygon), np.zeros((height, width), np.bool_)
    # Drawn in the box around it, since most regions are a small part of the image.
    first = np.clip(np.floor(edges.min((0, 1))), 0, (height, width)).astype(np.int64)
    stop = np.clip(np.ceil(edges.max((0, 1))), first, (height, width)).astype(np.int64)
    inner_h, inner_w = (int(side) for side in stop - first)
    moved = edges - first
    drawn = _centres_inside(moved, inner_h, inner_w) | _passed_through(moved, inner_h, inner_w)
    mask[first[0] : stop[0], first[1] : stop[1]] = drawn
    return mask


def polygon_edges(polygon: Polygon) -> NDArray[np.float64]:
    """The edges of all rings (E, 2, 2): start and end as (h, w)."""
    rings = [np.asarray(ring, np.float64) for ring in polygon]
    return np.concatenate([np.stack([ring, np.roll(ring, -1, 0)], 1) for ring in rings])


def _centres_inside(edges: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    """Even-odd rule: each edge that crosses a row's middle turns over every centre at or right of the crossing."""
    top, bottom = edges[..., 0].min(1), edges[..., 0].max(1)
    # Half open, so that a vertex on the middle of a row belongs to one of its two edges.
    edge, row = _each_row(np.ceil(top - 0.5), np.ceil(bottom - 0.5) - 1, height)
    at = _columns_at(edges[edge], row + 0.5)
    turns = np.zeros((height, width + 1), np.int32)
    np.add.at(turns, (row, np.clip(np.ceil(at - 0.5), 0, width).astype(np.int64)), 1)
    inside: NDArray[np.bool_] = np.cumsum(turns[:, :width], axis=1) % 2 == 1
    return inside


def _passed_through(edges: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    """Pixels through whose open square an edge passes; an edge on the border between two pixels is in neither."""
    top, bottom = edges[..., 0].min(1), edges[..., 0].max(1)
    edge, row = _each_row(np.floor(top), np.ceil(bottom) - 1, height)
    level = edges[edge, 0, 0] == edges[edge, 1, 0]
    above = row.astype(np.float64)
    enters, leaves = np.maximum(above, top[edge]), np.minimum(above + 1, bottom[edge])
    one, other = (_columns_at(edges[edge], h) for h in (enters, leaves))
    # A level edge is at all its columns at once.
    one, other = (np.where(level, edges[edge, end, 1], at) for end, at in enumerate((one, other)))
    first = np.clip(np.floor(np.minimum(one, other)), 0, width).astype(np.int64)
    stop = np.clip(np.ceil(np.maximum(one, other)), 0, width).astype(np.int64)
    passed = first < stop
    changes = np.zeros((height, width + 1), np.int32)
    np.add.at(changes, (row[passed], first[passed]), 1)
    np.add.at(changes, (row[passed], stop[passed]), -1)
    return np.asarray(np.cumsum(changes[:, :width], axis=1) > 0)


def _columns_at(edges: NDArray[np.float64], h: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Where each of (E, 2, 2) edges is at height h (E,); the start of a level edge."""
    (h0, w0), (h1, w1) = edges[:, 0].T, edges[:, 1].T
    rise = np.where(h1 == h0, 1.0, h1 - h0)
    # Multiplied first: between whole numbers, crossings at whole numbers stay exact.
    return np.asarray(np.clip(w0 + (h - h0) * (w1 - w0) / rise, np.minimum(w0, w1), np.maximum(w0, w1)))


def _each_row(
    first: NDArray[np.float64], last: NDArray[np.float64], height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every edge with every row from its first to its last that the image has: indices of edges, and rows."""
    start = np.clip(first, 0, height).astype(np.int64)
    counts = np.maximum(np.clip(last, -1, height - 1).astype(np.int64) - start + 1, 0)
    edge = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return edge, np.arange(len(edge)) - before[edge] + start[edge]
