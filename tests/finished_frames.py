"""Frames through a real bundle, as sinks take them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.frame import Frame
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.sink import FinishedFrame, Sink
from edge_nt.sources.files import place_of
from edge_nt.sources.source import FilePlace, Offer


def finished(
    reconstructor: Reconstructor,
    pixels: np.ndarray,
    name: str = "scan.png",
    *,
    source: str = "camera",
    place: FilePlace | None = None,
    mm_per_px: float | None = None,
    taken_at_s: float = 1e9,
) -> FinishedFrame:
    """One frame of a live source, or of a file with `place`."""
    frame = Frame(pixels, name, mm_per_px)
    offer = Offer(source, name, taken_at_s, lambda: frame, place)
    return FinishedFrame(offer, frame, reconstructor(frame), reconstructor.session.backend, 1.0)


def finished_file(reconstructor: Reconstructor, path: Path) -> FinishedFrame:
    """A file of one frame."""
    frame = decode_image(path)
    offer = Offer("files", str(path), path.stat().st_mtime, lambda: frame, place_of(path))
    return FinishedFrame(offer, frame, reconstructor(frame), reconstructor.session.backend, 1.0)


def write_all(sink: Sink, frames: Iterable[FinishedFrame]) -> list[dict]:
    """What the sink says of every frame, numbered from 0."""
    with sink:
        return [dict(sink.prepare(frame)(number)) for number, frame in enumerate(frames)]
