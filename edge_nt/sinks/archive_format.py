"""The latent archive: an npz file of plain arrays that holds frames as latents in float16 (docs/sinks.md).

It is read without trust: members are stored, never deflated, so that none can grow; their types and sizes are checked
before they are taken; and numpy's loader, which could unpickle, has no part in it.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_nt.atomic import atomic_file
from edge_nt.bundle.manifest import Precision
from edge_nt.errors import EdgeNtError, InputError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.imaging.picture import refuse_huge

# One number a frame each; NaN in mm_per_px is an unknown spacing.
_COLUMNS = {
    "heights_px": "<i4",
    "widths_px": "<i4",
    "mm_per_px": "<f8",
    "taken_at_s": "<f8",
    "ood_scores": "<f8",
    "in_distribution": "|b1",
}
_JSON = ("header_json", "names_json")
_TYPES = {**dict.fromkeys(_JSON, "|u1"), "latents": "<f2", **_COLUMNS}
# What zipfile, numpy's header and msgspec raise, between them, for bytes that are no archive.
_UNREADABLE = (
    *(ValueError, OSError, EOFError, KeyError, MemoryError, RuntimeError, RecursionError, SyntaxError, TypeError),
    *(AttributeError, OverflowError, struct.error, zlib.error, zipfile.BadZipFile, TokenError, EdgeNtError),
)


@dataclass(frozen=True)
class ArchiveHeader:
    """What an archive says of itself: which decoder its latents belong to, and how frames were brought to it."""

    kind: Literal["edge-nt latent-archive"]
    schema_version: Literal[1]
    edge_nt_version: str
    structure: str
    precision: Precision
    decoder_sha256: str
    bundle_sha256: str
    latent_dim: int
    ood_threshold: float
    preprocess: Preprocess


@dataclass(frozen=True, eq=False)
class Archive:
    """Frames as latents float16 (N, D), with what each was: name, size in px, spacing (NaN: unknown), Unix time of
    taking, OOD score and whether that is in distribution; all float64, int32 or bool of shape (N,).
    """

    header: ArchiveHeader
    names: tuple[str, ...]
    latents: NDArray[np.float16]
    heights_px: NDArray[np.int32]
    widths_px: NDArray[np.int32]
    mm_per_px: NDArray[np.float64]
    taken_at_s: NDArray[np.float64]
    ood_scores: NDArray[np.float64]
    in_distribution: NDArray[np.bool_]

    def __post_init__(self) -> None:
        count = len(self.names)
        columns = {name: getattr(self, name) for name in _COLUMNS}
        wrong = [name for name, column in columns.items() if column.shape != (count,)]
        if wrong or self.latents.shape != (count, self.header.latent_dim):
            raise ValueError(f"{', '.join(wrong) or 'latents'} of another size than {count} frames")
        finite = (self.latents, self.taken_at_s, self.ood_scores, np.array(self.header.ood_threshold))
        if not all(np.isfinite(array).all() for array in finite):
            raise ValueError("NaN or infinity among latents, times or scores")
        known = self.mm_per_px[~np.isnan(self.mm_per_px)]
        if not (np.isfinite(known) & (known > 0)).all():
            raise ValueError("a spacing that is neither above 0 mm nor unknown")
        for height, width in zip(self.heights_px.tolist(), self.widths_px.tolist(), strict=True):
            if height < 1 or width < 1:
                raise ValueError(f"a frame of {width}x{height} px")
            refuse_huge(height, width)


def write_archive(path: Path, archive: Archive) -> None:
    """Write the archive whole or not at all. Raises: InputError when `path` cannot be written."""
    header = json.dumps(msgspec.to_builtins(archive.header), allow_nan=False)
    texts = {"header_json": header, "names_json": json.dumps(archive.names)}
    arrays = {name: np.frombuffer(text.encode("ascii"), np.uint8) for name, text in texts.items()}
    arrays |= {name: getattr(archive, name).astype(kind) for name, kind in _TYPES.items() if name not in _JSON}
    try:
        with atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w") as members:
            for name, array in arrays.items():
                with members.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
    except OSError as error:
        raise InputError(
            expected="an archive file that can be written", got=f"{path}: {error.strerror}", fix="name another as --out"
        ) from error


def read_archive(path: Path) -> Archive:
    """Read what `write_archive` wrote. Raises: InputError for anything else, damaged or hostile."""
    try:
        arrays = _arrays(path)
        header = msgspec.convert(json.loads(_text(arrays, "header_json")), ArchiveHeader)
        names = msgspec.convert(json.loads(_text(arrays, "names_json")), tuple[str, ...])
        return Archive(header, names, **{name: arrays[name] for name in ("latents", *_COLUMNS)})
    except _UNREADABLE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            expected="a latent archive that `edge-nt encode` wrote",
            got=f"{path}: {(reason.splitlines() or [''])[0] or type(error).__name__}",
            fix="copy it again, or encode the frames again",
        ) from error


def _arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    with zipfile.ZipFile(path) as members:
        infos = {info.filename: info for info in members.infolist()}
        wanted = {f"{name}.npy" for name in _TYPES}
        if set(infos) != wanted or len(members.infolist()) != len(wanted):
            raise ValueError(f"members {', '.join(sorted(set(infos) ^ wanted)) or 'twice'}, missing or of no archive")
        for info in infos.values():
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{info.filename} is not stored as it is")
        return {name: _array(members.read(f"{name}.npy"), name, kind) for name, kind in _TYPES.items()}


def _array(content: bytes, name: str, kind: str) -> NDArray[Any]:
    stream = BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{name} in another version of the npy format")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype != np.dtype(kind) or fortran_order or any(side < 0 for side in shape):
        raise ValueError(f"{name} of type {dtype}, expected {np.dtype(kind)}")
    # Raises where the bytes are not those of the shape, however large that says it is.
    return np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape)


def _text(arrays: Mapping[str, NDArray[Any]], name: str) -> bytes:
    if arrays[name].ndim != 1:
        raise ValueError(f"{name} is no text")
    return arrays[name].tobytes()
