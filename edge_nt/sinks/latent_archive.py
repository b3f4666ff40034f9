"""Frames as latents in float16 in one archive file, from which `edge-nt decode` makes pictures again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from edge_nt import __version__
from edge_nt.bundle.manifest import DECODER_NAME
from edge_nt.bundle.read import Bundle
from edge_nt.sinks.archive_format import Archive, ArchiveHeader, write_archive
from edge_nt.sinks.half_latent import half_latent
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Write


class LatentArchive:
    """Collects float16 latents, about 1 KB a frame in memory, and writes `path` at the end; lines have
    ``archive_row``. After an error nothing is written.

    Raises: InputError for a frame whose latent float16 cannot hold, and when `path` cannot be written.
    """

    def __init__(self, path: Path, bundle: Bundle) -> None:
        manifest = bundle.manifest
        self._path = path
        self._header = ArchiveHeader(
            kind="edge-nt latent-archive",
            schema_version=1,
            edge_nt_version=__version__,
            structure=manifest.structure,
            precision=manifest.precision,
            decoder_sha256=manifest.files[DECODER_NAME],
            bundle_sha256=bundle.sha256,
            latent_dim=manifest.latent_dim,
            ood_threshold=bundle.ood.threshold,
            preprocess=manifest.preprocess,
        )
        self._names: list[str] = []
        self._latents = bytearray()
        self._figures: list[tuple[float, ...]] = []

    def __enter__(self) -> LatentArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            write_archive(self._path, self._archive())

    def prepare(self, frame: FinishedFrame) -> Write:
        """Round the latent. Raises: InputError."""
        result, name = frame.result, frame.offer.name
        latent = half_latent(result.latent, name).tobytes()
        mm_per_px = np.nan if frame.frame.mm_per_px is None else frame.frame.mm_per_px
        size = result.source_height_px, result.source_width_px
        figures = (*size, mm_per_px, frame.offer.taken_at_s, result.ood_score, float(result.in_distribution))

        def write(number: int) -> Mapping[str, Any]:
            self._names.append(name)
            self._latents += latent
            self._figures.append(figures)
            return {"archive_row": len(self._names) - 1}

        return write

    def fail(self, failed: FailedFrame) -> None:
        """No latent."""

    def _archive(self) -> Archive:
        # Not named one by one: a table of whole numbers up to 2^53 and of float64 loses nothing.
        columns = np.array(self._figures, np.float64).reshape(-1, 6).T
        return Archive(
            self._header,
            tuple(self._names),
            np.frombuffer(bytes(self._latents), np.float16).reshape(-1, self._header.latent_dim),
            heights_px=columns[0].astype(np.int32),
            widths_px=columns[1].astype(np.int32),
            mm_per_px=columns[2],
            taken_at_s=columns[3],
            ood_scores=columns[4],
            in_distribution=columns[5].astype(np.bool_),
        )
