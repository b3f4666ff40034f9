"""A region of interest: a named box in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_nt.errors import InputError


@dataclass(frozen=True)
class Roi:
    """A box around a named structure, in continuous pixel coordinates.

    Pixel (r, c) covers [r, r + 1) × [c, c + 1), so a box that spans rows 3 and 4 has h_min = 3 and h_max = 5.
    """

    structure: str
    h_min: float
    w_min: float
    h_max: float
    w_max: float

    def __post_init__(self) -> None:
        edges = (self.h_min, self.w_min, self.h_max, self.w_max)
        if not all(math.isfinite(edge) for edge in edges) or self.h_max <= self.h_min or self.w_max <= self.w_min:
            raise InputError(
                expected="a box with h_min < h_max and w_min < w_max",
                got=f"{self.structure} {edges}",
                fix="correct the box in boxes.csv",
            )

    def slices(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns that the box touches, clipped to an image of (height, width); at least one pixel each."""
        top = min(max(math.floor(self.h_min), 0), height - 1)
        left = min(max(math.floor(self.w_min), 0), width - 1)
        bottom = min(max(math.ceil(self.h_max), top + 1), height)
        right = min(max(math.ceil(self.w_max), left + 1), width)
        return slice(top, bottom), slice(left, right)
