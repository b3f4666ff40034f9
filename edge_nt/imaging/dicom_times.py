"""When each frame of a DICOM cine was taken, counted from its first (PS3.3 C.7.6.5, cine module)."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import accumulate
from typing import Any

import numpy as np

_FRAME_TIME, _FRAME_TIME_VECTOR = 0x00181063, 0x00181065
# Longer than any cine: such a rate is damage, and times far from now would mislead whoever keeps them in order.
_LONGEST_MS = 86_400_000.0


def read_times_s(header: Any, frames: int) -> tuple[float, ...] | None:
    """Seconds of each frame after the first; None where the header states no usable rate.

    From the element that FrameIncrementPointer names, else FrameTime, FrameTimeVector, CineRate or
    RecommendedDisplayFrameRate, the first that fits: no step is negative, not all are 0, and they take a day at most.
    """
    steps_ms = next((steps for steps in _candidates(header, frames) if _fits(steps, frames)), None)
    return None if steps_ms is None else tuple(at_ms / 1e3 for at_ms in accumulate(steps_ms, initial=0.0))


def _candidates(header: Any, frames: int) -> list[list[float]]:
    steps = frames - 1
    frame_time = [_number(header.get("FrameTime"))] * steps
    vector = header.get("FrameTimeVector")
    # The first value stands for the first frame, before which no time passes.
    increments = [_number(step) for step in ([vector] if isinstance(vector, int | float) else vector or ())][1:]
    rates = [_number(header.get(rate)) for rate in ("CineRate", "RecommendedDisplayFrameRate")]
    by_rate = [[1e3 / rate] * steps for rate in rates if rate]
    pointer = header.get("FrameIncrementPointer")
    stated = [increments, frame_time] if pointer == _FRAME_TIME_VECTOR else [frame_time, increments]
    return [*stated, *by_rate]


def _number(value: Any) -> float:
    """The value of an element of one number; NaN, which fits nowhere, for an absent one or several."""
    return float(value) if isinstance(value, int | float | Decimal) else math.nan


def _fits(steps_ms: list[float], frames: int) -> bool:
    return (
        len(steps_ms) == frames - 1 > 0
        and bool(np.isfinite(steps_ms).all())
        and min(steps_ms) >= 0.0
        and 0.0 < sum(steps_ms) <= _LONGEST_MS
    )
