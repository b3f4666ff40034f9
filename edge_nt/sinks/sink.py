"""What every sink takes: frames with nothing left to compute, and frames that failed, in the order of the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import EdgeNtError
from edge_nt.imaging.frame import Frame
from edge_nt.runtime.reconstruction import Reconstruction
from edge_nt.sources.source import Offer

# Writes one frame, given its number in this output, and returns what the frame's line says of it.
Write = Callable[[int], Mapping[str, Any]]


@dataclass(frozen=True)
class FinishedFrame:
    """A frame through the bundle: what was offered, what was decoded, what came out.

    `read_ms` is reading and decoding, which `result.times` does not hold.
    """

    offer: Offer
    frame: Frame
    result: Reconstruction
    backend: str
    read_ms: float

    @cached_property
    def picture(self) -> NDArray[np.uint8]:
        """The reconstruction uint8 (H, W) at the size of the source frame; computed once for all sinks."""
        return self.result.source_image()


@dataclass(frozen=True)
class FailedFrame:
    """A frame that could not be read or reconstructed, and why."""

    offer: Offer
    error: EdgeNtError


class Sink(Protocol):
    """Takes every frame of one stream, between being entered and left.

    `prepare` runs in the threads of the workers, several frames at a time, so it must not touch what the sink keeps.
    The call that it returns runs in one thread, in the order of the source; so does `fail`. Left with an exception, a
    sink discards what would not be whole.
    """

    def __enter__(self) -> object:
        """Get ready to write."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what is written."""

    def prepare(self, frame: FinishedFrame) -> Write:
        """Compute what can be computed beside other frames (an encoded picture). Raises: EdgeNtError."""

    def fail(self, failed: FailedFrame) -> None:
        """Take notice of a frame that failed."""
