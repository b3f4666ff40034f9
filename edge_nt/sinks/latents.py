"""All latents of a stream in one npz file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Write

LATENTS_NAME = "latents.npz"


class Latents:
    """Collects latents and writes them with the names of their frames at the end; lines have ``latent_row``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LATENTS_NAME
        self._names: list[str] = []
        self._latents: list[NDArray[np.float32]] = []

    def __enter__(self) -> Latents:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            latents = np.stack(self._latents) if self._latents else np.zeros((0, 0), np.float32)
            np.savez(self._path, files=np.array(self._names, np.str_), latents=latents)

    def prepare(self, frame: FinishedFrame) -> Write:
        """Nothing to compute."""

        def write(number: int) -> Mapping[str, Any]:
            self._names.append(frame.offer.name)
            self._latents.append(frame.result.latent)
            return {"latent_row": len(self._latents) - 1}

        return write

    def fail(self, failed: FailedFrame) -> None:
        """No latent."""
