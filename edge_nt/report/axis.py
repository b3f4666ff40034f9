"""Axes of plots: round ticks, and from values to places in the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """Evenly spaced `ticks`, at least two, on pixels from `start_px` to `end_px` (downwards for y, so start > end)."""

    ticks: tuple[float, ...]
    start_px: float
    end_px: float

    def at(self, value: float) -> float:
        """The pixel of a value, held within the axis."""
        low, high = self.ticks[0], self.ticks[-1]
        inside = min(max(value, low), high)
        return self.start_px + (inside - low) / (high - low) * (self.end_px - self.start_px)


def ticks(low: float, high: float, wanted: int = 5) -> tuple[float, ...]:
    """Round values from at most `low` to at least `high`, about as many as wanted."""
    step = _step(low, high, wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(index * step for index in range(first, max(last, first + 1) + 1))


def tick_labels(values: Sequence[float]) -> tuple[str, ...]:
    """Evenly spaced ticks with as many decimals as their step needs, and a true minus sign."""
    step = values[1] - values[0]
    decimals = next(count for count in range(12) if math.isclose(round(step, count), step, rel_tol=1e-6))
    return tuple(f"{value + 0.0:,.{decimals}f}".replace("-", "−").replace(",", "\u2009") for value in values)


def _step(low: float, high: float, wanted: int) -> float:
    # Of one value, an axis around it.
    span = high - low if high > low else max(abs(high), 1.0)
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(step for step in _ROUND_STEPS if step * power >= rough * (1 - 1e-9))
