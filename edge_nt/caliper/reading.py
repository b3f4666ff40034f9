"""What the caliper says of one image: a thickness with its two points, or a reason."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.errors import InputError

# (row, column) in continuous pixels: pixel (r, c) covers [r, r + 1) × [c, c + 1).
Point = tuple[float, float]


@dataclass(frozen=True)
class CaliperReading:
    """One measurement. `thickness_px` is None where the band is not measurable, and `reason` then says why.

    `upper` and `lower` are the caliper's points on the inner borders of the two lines, `thickness_px` the distance
    between them in pixels, `thickness_mm` the same in millimetres where the spacing was given. For a box taller than
    wide the points are ordered from left to right. `confidence` is in [0, 1]; it is 0 where nothing like a band was
    found, and low but above 0 for a band that was found and refused.
    """

    thickness_px: float | None
    thickness_mm: float | None
    upper: Point | None
    lower: Point | None
    confidence: float
    reason: str | None

    def __post_init__(self) -> None:
        stated = (self.thickness_px is not None, self.upper is not None, self.lower is not None, self.reason is None)
        if len(set(stated)) != 1 or (self.thickness_mm is not None and self.thickness_px is None):
            raise InputError(
                expected="a thickness with both of its points, or a reason",
                got=f"{self}",
                fix="build readings with edge_nt.caliper.caliper.measure_thickness",
            )

    @property
    def measurable(self) -> bool:
        """Whether there is a thickness."""
        return self.thickness_px is not None


def not_measurable(reason: str, confidence: float = 0.0) -> CaliperReading:
    """The reading of an image whose band cannot be measured for `reason`."""
    return CaliperReading(None, None, None, None, confidence, reason)
