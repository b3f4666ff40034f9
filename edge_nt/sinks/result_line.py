"""What the line of a frame says, and which frame of which file a line is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_nt.ood.combined_scorer import OodScore
from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.sources.source import FilePlace, Offer


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


def place_of_line(line: Mapping[str, Any]) -> FilePlace | None:
    """The place that a line is about; None for a frame that came from no file. Raises: KeyError, TypeError."""
    if "modified_ns" not in line:
        return None
    path = Path(line.get("path", line["file"]))
    return FilePlace(path, line["size_bytes"], line["modified_ns"], line.get("frame", 0), line.get("frames", 1))


def _origin(number: int, offer: Offer) -> dict[str, Any]:
    """Where and when; ``path`` only where the frame's name is another, ``frame`` only for a file of several."""
    line: dict[str, Any] = {
        "number": number,
        "file": offer.name,
        "source": offer.source,
        "taken_at_s": offer.taken_at_s,
    }
    if offer.place is not None:
        if offer.place.named:
            line |= {"size_bytes": offer.place.size_bytes, "modified_ns": offer.place.modified_ns}
        if offer.place.named and str(offer.place.path) != offer.name:
            line["path"] = str(offer.place.path)
        if offer.place.frames != 1:
            line |= {"frame": offer.place.frame, "frames": offer.place.frames}
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
