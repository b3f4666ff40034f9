"""Frames → one latent archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_nt.errors import InputError
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.latent_archive import LatentArchive
from edge_nt.sinks.nameless import nameless
from edge_nt.sinks.sink import FailedFrame
from edge_nt.sources.source import Source
from edge_nt.stream.stream import OnFrame, frame_pipeline

_IN_FLIGHT_PER_JOB = 4


@dataclass(frozen=True)
class EncodeSummary:
    """Frames in the archive, how many of them are out of distribution, how many failed with the first of them, and
    the size of the file.
    """

    frames: int
    out_of_distribution: int
    failed: int
    first_failed: FailedFrame | None
    archive_bytes: int


def encode_frames(
    crew: Sequence[Reconstructor], source: Source, out: Path, on_frame: OnFrame | None = None, *, named: bool = True
) -> EncodeSummary:
    """Write every frame of `source` that can be read into the archive `out`, which appears when all are done.

    Without `named` the archive calls its frames by number. Raises: InputError when no frame could be read, or `out`
    cannot be written.
    """
    frames = outside = failed = 0
    first_failed = None
    offers = source.offers() if named else nameless(source.offers())
    with LatentArchive(out, crew[0].bundle) as archive:
        with frame_pipeline(crew, offers, (archive,), len(crew) * _IN_FLIGHT_PER_JOB) as outcomes:
            for outcome in outcomes:
                if isinstance(outcome, FailedFrame):
                    failed, first_failed = failed + 1, first_failed or outcome
                else:
                    outcome.writes[0](frames)
                    frames, outside = frames + 1, outside + (not outcome.frame.result.in_distribution)
                if on_frame is not None:
                    on_frame(outcome if isinstance(outcome, FailedFrame) else outcome.frame)
        if not frames:
            got = "none" if first_failed is None else f"none, and of the first: {first_failed.error}"
            raise InputError(expected="a frame that can be encoded", got=got, fix="name other files")
    return EncodeSummary(frames, outside, failed, first_failed, out.stat().st_size)
