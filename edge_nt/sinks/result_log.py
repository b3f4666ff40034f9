"""One JSON line a frame: the record of a stream, which numbers its frames and is written after all other sinks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_nt.ood.combined_scorer import OodScore
from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.sources.source import Offer

RESULTS_NAME = "results.jsonl"


class ResultLog:
    """Writes ``results.jsonl`` in a folder. `count` is the number of lines, so the number of the next frame.

    `verdict` stands in every line: the state of the bundle's admission, null for a bundle that was never asked for one.
    """

    def __init__(self, folder: Path, verdict: str | None) -> None:
        self._path = folder / RESULTS_NAME
        self._verdict = verdict
        self.count = 0

    def __enter__(self) -> ResultLog:
        self._lines = self._path.open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()

    def add(self, frame: FinishedFrame, said: Mapping[str, Any], output_ms: float) -> None:
        """Write the line of a frame with what its sinks said; `output_ms` is what bringing it to their form took."""
        result = frame.result
        line = {
            **_origin(frame.offer),
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
        self._write(line)

    def add_failure(self, failed: FailedFrame) -> None:
        """Write the line of a frame that could not be read or reconstructed."""
        self._write({**_origin(failed.offer), "error": str(failed.error)})

    def _write(self, line: Mapping[str, Any]) -> None:
        self._lines.write(json.dumps({**line, "verdict": self._verdict}, allow_nan=False) + "\n")
        self.count += 1


def _origin(offer: Offer) -> dict[str, Any]:
    """Where and when; ``frame`` of ``frames`` only for a file of several."""
    line: dict[str, Any] = {"file": offer.name, "source": offer.source, "taken_at_s": offer.taken_at_s}
    if offer.place is not None and offer.place.frames != 1:
        line |= {"frame": offer.place.frame, "frames": offer.place.frames}
    return line


def _ood_parts(ood: OodScore) -> dict[str, Any]:
    """What decided, in words, and every component of the score; `latent_distance` is plain Mahalanobis."""
    components = {part.name: {"deviations": part.deviations, "above": part.above} for part in ood.components}
    return {"reason": ood.reason, "components": components, "latent_distance": ood.latent_distance}
