"""What stands in place of a figure that this machine does not tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NotMeasured:
    """Why there is no figure, in words that fit after ``not measured:``. Nothing here is ever guessed instead."""

    reason: str
