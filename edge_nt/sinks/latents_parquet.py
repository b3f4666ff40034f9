"""Latents as Parquet files, for streams of any length; imported only when Parquet is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from edge_nt.atomic import TEMPORARY_PREFIX, atomic_file
from edge_nt.bundle.manifest import ENCODER_NAME, BundleManifest
from edge_nt.errors import MissingDependencyError
from edge_nt.sinks.half_latent import half_latent
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Write
from edge_nt.sources.source import as_text

PARQUET_NAME = "latents.parquet"
PARQUET_FOLDER = "latents"
# A group is what stays in memory, and what a reader takes at once: half a megabyte of 128 numbers in float32.
ROWS_PER_GROUP = 1024
# A power cut costs at most the file that is open.
SECONDS_PER_FILE = 900.0


class LatentsParquet:
    """Writes name, number, taken_at_s, ood_score, in_distribution and latent of every frame; lines name file and row.

    `latent` is a fixed_size_list<float>, or <halffloat> with `half`. A run gets one ``latents.parquet``. A `live`
    stream gets ``latents/<number of the first frame>.parquet``, a new one every quarter of an hour by `clock`, each
    of which appears once it is whole and on disk. At most 1,024 rows are in memory. The files' metadata name the
    encoder.

    Raises: MissingDependencyError without pyarrow.
    """

    def __init__(
        self,
        folder: Path,
        manifest: BundleManifest,
        *,
        live: bool = False,
        half: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._arrow, self._parquet = _pyarrow()
        self._schema = _schema(self._arrow, manifest, half=half)
        self._folder = folder
        self._live = live
        self._swept = False
        self._half = half
        self._clock = clock
        self._part: _Part | None = None
        self._opened_at = 0.0

    def __enter__(self) -> LatentsParquet:
        if not self._live:
            # At once, so that a run without a frame has a file without rows.
            self._open(PARQUET_NAME)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Also after an error: what a live stream saw before its camera was lost is whole, and worth keeping.
        self._close()

    def prepare(self, frame: FinishedFrame) -> Write:
        """Round to float16 where that was asked for. Raises: InputError for a latent too large for it."""
        latent = frame.result.latent
        stored = half_latent(latent, frame.offer.name) if self._half else latent.copy()
        name = as_text(frame.offer.name)
        score, inside = frame.result.ood_score, frame.result.in_distribution

        def write(number: int) -> Mapping[str, Any]:
            if self._live and self._clock() - self._opened_at >= SECONDS_PER_FILE:
                self._close()
            part = self._part or self._open(f"{PARQUET_FOLDER}/{number:08d}.parquet")
            try:
                row = part.add((name, number, frame.offer.taken_at_s, score, inside, stored))
            except BaseException:
                # Rows are missing from it, so that every later one would stand under another's number.
                self._part = None
                raise
            return {"latent_file": part.name, "latent_row": row}

        return write

    def fail(self, failed: FailedFrame) -> None:
        """No latent."""

    def _open(self, name: str) -> _Part:
        if self._live and not self._swept:
            self._sweep()
        self._part = _Part(self._arrow, self._parquet, self._schema, self._folder, name)
        self._opened_at = self._clock()
        return self._part

    def _sweep(self) -> None:
        """Remove what a killed process was writing; one at a time writes here (result_log.py)."""
        for partial in (self._folder / PARQUET_FOLDER).glob(f"{TEMPORARY_PREFIX}*"):
            partial.unlink()
        self._swept = True

    def _close(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.close()


class _Part:
    """One file, which has its name once it is closed."""

    def __init__(self, arrow: ModuleType, parquet: ModuleType, schema: Any, folder: Path, name: str) -> None:
        self.name = name
        self._arrow = arrow
        self._schema = schema
        self._rows: list[tuple[Any, ...]] = []
        self._written = 0
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_file(folder / name))
            # Latents do not repeat: a dictionary of them took half as much room again.
            writer = parquet.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=False)
            self._writer = stack.enter_context(writer)
            self._open = stack.pop_all()

    def add(self, row: tuple[Any, ...]) -> int:
        """Take one row and return its index in the file. Raises: OSError, and the file is then absent."""
        self._rows.append(row)
        index = self._written + len(self._rows) - 1
        if len(self._rows) == ROWS_PER_GROUP:
            with ExitStack() as stack:
                # Left with an error, the file is not there.
                stack.push(self._open)
                self._flush()
                stack.pop_all()
        return index

    def close(self) -> None:
        """Write what is left. Raises: OSError, and the file is then absent."""
        with self._open:
            self._flush()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        self._written += len(rows)
        *types, latents = self._schema.types
        columns = [self._arrow.array([row[index] for row in rows], each) for index, each in enumerate(types)]
        numbers = np.array([row[-1] for row in rows], latents.value_type.to_pandas_dtype())
        flat = self._arrow.array(numbers.reshape(-1), latents.value_type)
        lists = self._arrow.FixedSizeListArray.from_arrays(flat, latents.list_size)
        self._writer.write_table(self._arrow.Table.from_arrays([*columns, lists], schema=self._schema))


def _schema(arrow: ModuleType, manifest: BundleManifest, *, half: bool) -> Any:
    number = arrow.float16() if half else arrow.float32()
    columns = [
        ("name", arrow.string()),
        ("number", arrow.int64()),
        ("taken_at_s", arrow.float64()),
        ("ood_score", arrow.float64()),
        ("in_distribution", arrow.bool_()),
        ("latent", arrow.list_(number, manifest.latent_dim)),
    ]
    about = {
        "kind": "edge-nt latents",
        "schema_version": "1",
        "precision": manifest.precision,
        "encoder_sha256": manifest.files.get(ENCODER_NAME, ""),
    }
    return arrow.schema(columns, metadata=about)


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError(
            expected="the package pyarrow, for Parquet", got=str(error), fix="pip install 'edge-nt[parquet]'"
        ) from error
    return pyarrow, pyarrow.parquet
