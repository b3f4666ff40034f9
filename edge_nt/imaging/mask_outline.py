"""From a mask to the polygon that encloses exactly its pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.imaging.polygon import Polygon, Ring

Corner = tuple[int, int]
# Sides of pixels on an outline: a fetus around which a careful hand drew has a few thousand.
_MOST_SIDES = 200_000


def mask_outline(mask: NDArray[np.bool_]) -> Polygon:
    """The outline of a mask (H, W) along the borders of its pixels: a ring for each piece and each hole; () if empty.

    `polygon_mask` gives the mask back. Pixels that touch by a corner alone are pieces of their own.
    Raises: InputError for an outline of more than 200,000 sides of pixels, which is noise and no region.
    """
    following = _sides(mask)
    rings: list[Ring] = []
    while following:
        start = next(iter(following))
        rings.append(_ring(start, following))
    return tuple(rings)


def _sides(mask: NDArray[np.bool_]) -> dict[Corner, list[Corner]]:
    """From each corner of the outline to the next ones, clockwise around what is inside: two where pieces touch."""
    around = np.pad(mask, 1)
    following: dict[Corner, list[Corner]] = {}
    # Neighbour, and the start and end of the side towards it: above, right, below, left.
    sides = (((-1, 0), (0, 0), (0, 1)), ((0, 1), (0, 1), (1, 1)), ((1, 0), (1, 1), (1, 0)), ((0, -1), (1, 0), (0, 0)))
    places = [np.argwhere(mask & ~np.roll(around, (-dh, -dw), (0, 1))[1:-1, 1:-1]) for (dh, dw), _, _ in sides]
    count = sum(map(len, places))
    if count > _MOST_SIDES:
        raise InputError(
            expected=f"an outline of at most {_MOST_SIDES} sides of pixels", got=f"{count}", fix="smooth the mask"
        )
    for (_, begin, end), found in zip(sides, places, strict=True):
        for h, w in found.tolist():
            following.setdefault((h + begin[0], w + begin[1]), []).append((h + end[0], w + end[1]))
    return following


def _ring(start: Corner, following: dict[Corner, list[Corner]]) -> Ring:
    """Walk from `start` until it is met again, taking the sides walked out of `following`; corners at turns alone."""
    at, heading = start, (0, 0)
    ring: list[tuple[float, float]] = []
    while True:
        nexts = following[at]
        right = at[0] + heading[1], at[1] - heading[0]
        # Turning right where two pieces touch by a corner stays with the same piece, so that rings do not cross.
        chosen = right if right in nexts else nexts[0]
        nexts.remove(chosen)
        if not nexts:
            del following[at]
        turned = chosen[0] - at[0], chosen[1] - at[1]
        if turned != heading:
            ring.append((float(at[0]), float(at[1])))
        at, heading = chosen, turned
        if at == start:
            return tuple(ring)
