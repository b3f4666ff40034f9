"""Reconstructions as PNG files at the size of their source."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.sinks.frame_files import FrameFiles
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Write

PICTURES_NAME = "reconstructions"
# A name may have 255 bytes, of which 50 are for its number, its suffix, and its beginning until the file is whole.
_STEM_BYTES = 200


class Pictures:
    """Writes ``reconstructions/<number>-<name>.png`` below a folder; lines name it under ``reconstruction``.

    For a `live` stream each file is whole or absent and stands in a folder of at most 10,000; with `durable` it
    survives a power cut (frame_files.py).
    """

    def __init__(self, folder: Path, *, live: bool = False, durable: bool = True) -> None:
        self._files = FrameFiles(folder, PICTURES_NAME, live=live, durable=durable)

    def __enter__(self) -> Pictures:
        self._files.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def prepare(self, frame: FinishedFrame) -> Write:
        """Bring the reconstruction to source size and to PNG."""
        stem = Path(frame.offer.name).stem
        while len(os.fsencode(stem)) > _STEM_BYTES:
            stem = stem[:-1]
        picture_png = encode_png(frame.picture, frame.offer.name)

        def write(number: int) -> Mapping[str, Any]:
            # Numbered, because frames of two folders may share a name.
            return {"reconstruction": self._files.write(number, f"{number:05d}-{stem}.png", picture_png)}

        return write

    def fail(self, failed: FailedFrame) -> None:
        """Nothing to draw."""


def encode_png(pixels: NDArray[np.uint8], name: str) -> bytes:
    """A gray picture uint8 (H, W) as a PNG file. Raises: InputError with `name` for one that PNG cannot hold."""
    # OpenCV's defaults (runs only, one fixed filter) are near the fastest: docs/runtime.md has the figures.
    written, content = cv2.imencode(".png", pixels)
    if not written:
        raise InputError(expected="a picture that PNG can hold", got=f"{pixels.shape} for {name}", fix="resize it")
    return content.tobytes()
