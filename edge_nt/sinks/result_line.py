"""What the line of a frame says, and which frame of which file a line is about."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_nt.ood.combined_scorer import OodScore
from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.sources.file_ledger import DIGEST_BYTES, file_digest
from edge_nt.sources.source import FilePlace, Offer

# JSON has no larger whole number that every reader takes for the same one.
_MOST = 1 << 53


def frame_line(number: int, frame: FinishedFrame, said: Mapping[str, Any], output_ms: float) -> dict[str, Any]:
    """The line of a finished frame, with what its sinks said of it."""
    result = frame.result
    return {
        **_origin(number, frame.offer),
        "ood_score": result.ood_score,
        "ood_threshold": result.ood_threshold,
        "in_distribution": result.in_distribution,
        "ood": _ood_parts(result.ood),
        "height_px": result.source_height_px,
        "width_px": result.source_width_px,
        "mm_per_px": frame.frame.mm_per_px,
        **said,
        "backend": frame.backend,
        "times": {
            **asdict(result.times),
            "total_ms": result.times.total_ms,
            "read_ms": frame.read_ms,
            "output_ms": output_ms,
        },
    }


def failure_line(number: int, failed: FailedFrame) -> dict[str, Any]:
    """The line of a frame that could not be read or reconstructed."""
    return {**_origin(number, failed.offer), "error": str(failed.error)}


@dataclass(frozen=True)
class FileFrame:
    """Which frame of which file a line is about; the file by its digest (file_ledger.py)."""

    digest: bytes
    frame: int
    frames: int | None


def file_frame(place: FilePlace) -> FileFrame:
    """What the line of a frame at `place` is about."""
    return FileFrame(file_digest(place), place.frame, place.frames)


def file_frame_of_line(line: Mapping[str, Any]) -> FileFrame | None:
    """What a line is about; None for a frame that came from no file.

    Raises: KeyError, TypeError or ValueError for a line that no frame can have.
    """
    frame, frames = whole_number(line.get("frame", 0)), line.get("frames", 1)
    frames = None if frames is None else whole_number(frames)
    if "file_id" in line:
        digest = bytes.fromhex(line["file_id"])
        if len(digest) != DIGEST_BYTES:
            raise ValueError(f"a file_id of {len(digest)} bytes")
        return FileFrame(digest, frame, frames)
    if "modified_ns" not in line:
        return None
    path, size_bytes = Path(line.get("path", line["file"])), whole_number(line["size_bytes"])
    # Lines outlive the process that wrote them, and what is on a disk may be anything.
    os.fsencode(path)
    return file_frame(FilePlace(path, size_bytes, int(line["modified_ns"]), frame, frames))


def whole_number(value: object) -> int:
    """A count as a line states it. Raises: TypeError for anything else than a whole number from 0 to 2^53."""
    if type(value) is not int or not 0 <= value <= _MOST:
        raise TypeError(f"{value!r:.40} as a count")
    return value


def _origin(number: int, offer: Offer) -> dict[str, Any]:
    """Where and when; ``path`` only where the frame's name is another, ``frame`` only for a file of several."""
    line: dict[str, Any] = {
        "number": number,
        "file": offer.name,
        "source": offer.source,
        "taken_at_s": offer.taken_at_s,
    }
    place = offer.place
    if place is None:
        return line
    if place.named:
        line |= {"size_bytes": place.size_bytes, "modified_ns": place.modified_ns}
        if str(place.path) != offer.name:
            line["path"] = str(place.path)
    else:
        # So that a restarted service knows the file again, and nobody else does.
        line["file_id"] = file_digest(place).hex()
    if place.frames != 1:
        line |= {"frame": place.frame, "frames": place.frames}
    return line


def _ood_parts(ood: OodScore) -> dict[str, Any]:
    """What decided, in words, and every component of the score; `latent_distance` is plain Mahalanobis."""
    components = {part.name: {"deviations": part.deviations, "above": part.above} for part in ood.components}
    return {
        "reason": ood.reason,
        "p_value": ood.p_value,
        "components": components,
        "latent_distance": ood.latent_distance,
    }
