"""Where the results of a run go: pictures, one JSON line a frame, and all latents in one file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import EdgeNtError, InputError
from edge_nt.ood.combined_scorer import OodScore
from edge_nt.runtime.reconstruction import Reconstruction

RESULTS_NAME = "results.jsonl"
LATENTS_NAME = "latents.npz"
PICTURES_NAME = "reconstructions"
OUTPUT_NAMES = frozenset({RESULTS_NAME, LATENTS_NAME, PICTURES_NAME})


@dataclass(frozen=True)
class FinishedFrame:
    """One frame with nothing left to compute: its picture as a PNG file, and what the run adds to its times.

    `read_ms` is reading and decoding the file, `picture_ms` bringing the reconstruction to source size and to PNG.
    """

    result: Reconstruction
    picture_png: bytes
    backend: str
    read_ms: float
    picture_ms: float


class ResultFolder:
    """Writes the results of a run into a folder of its own, frame by frame; the latents when it is closed.

    The folder is meant to be a temporary one that is renamed when whole: see `run_frames`. `verdict` stands in every
    line: the state of the bundle's admission, null for a bundle that was never asked for one.
    """

    def __init__(self, folder: Path, verdict: str | None) -> None:
        self._folder = folder
        self._verdict = verdict
        self._count = 0
        self._sources: list[str] = []
        self._latents: list[NDArray[np.float32]] = []

    def __enter__(self) -> ResultFolder:
        (self._folder / PICTURES_NAME).mkdir()
        self._lines = (self._folder / RESULTS_NAME).open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        if kind is None:
            latents = np.stack(self._latents) if self._latents else np.zeros((0, 0), np.float32)
            np.savez(
                self._folder / LATENTS_NAME, allow_pickle=False, files=np.array(self._sources, np.str_), latents=latents
            )

    def add(self, frame: FinishedFrame) -> None:
        """Write one frame: its picture at source size, its line, and keep its latent for the end."""
        result = frame.result
        # Numbered, because frames of two folders may share a name.
        name = f"{PICTURES_NAME}/{self._count:05d}-{Path(result.source).stem}.png"
        (self._folder / name).write_bytes(frame.picture_png)
        run_times = {"read_ms": frame.read_ms, "picture_ms": frame.picture_ms}
        line = {
            "file": result.source,
            "ood_score": result.ood_score,
            "ood_threshold": result.ood_threshold,
            "in_distribution": result.in_distribution,
            "ood": _ood_parts(result.ood),
            "height_px": result.source_height_px,
            "width_px": result.source_width_px,
            "reconstruction": name,
            "latent_row": len(self._latents),
            "backend": frame.backend,
            "times": {**asdict(result.times), "total_ms": result.times.total_ms, **run_times},
        }
        self._sources.append(result.source)
        self._latents.append(result.latent)
        self._write(line)

    def add_error(self, source: str, error: EdgeNtError) -> None:
        """Write the line of a frame that could not be read or reconstructed."""
        self._write({"file": source, "error": str(error)})

    def _write(self, line: dict[str, Any]) -> None:
        self._lines.write(json.dumps({**line, "verdict": self._verdict}, allow_nan=False) + "\n")
        self._count += 1


def _ood_parts(ood: OodScore) -> dict[str, Any]:
    """What decided, in words, and every component of the score; `latent_distance` is plain Mahalanobis."""
    components = {part.name: {"deviations": part.deviations, "above": part.above} for part in ood.components}
    return {"reason": ood.reason, "components": components, "latent_distance": ood.latent_distance}


def encode_png(pixels: NDArray[np.uint8], name: str) -> bytes:
    """A gray picture uint8 (H, W) as a PNG file. Raises: InputError with `name` for one that PNG cannot hold."""
    # OpenCV's defaults (runs only, one fixed filter) are near the fastest: docs/runtime.md has the figures.
    written, content = cv2.imencode(".png", pixels)
    if not written:
        raise InputError(expected="a picture that PNG can hold", got=f"{pixels.shape} for {name}", fix="resize it")
    return content.tobytes()
