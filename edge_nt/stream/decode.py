"""A latent archive → pictures at the size of their sources."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_nt.atomic import atomic_folder
from edge_nt.bundle.manifest import DECODER_NAME
from edge_nt.bundle.read import Bundle
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import from_unit_range, unletterbox
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.archive_format import Archive
from edge_nt.sinks.pictures import PICTURES_NAME, encode_png
from edge_nt.sources.output_folder import DECODED_MARK
from edge_nt.stream.pipeline import Pipeline

FRAMES_NAME = DECODED_MARK
_IN_FLIGHT_PER_JOB = 4
# Names come with the archive, from whoever wrote it.
_NO_FILE_NAME = re.compile(r"[^\w.-]+")
_LONGEST_STEM = 80


def decode_archive(
    archive: Archive, crew: Sequence[Reconstructor], out: Path, on_frame: Callable[[int], None] | None = None
) -> None:
    """Write ``reconstructions/<number>-<name>.png`` and ``frames.jsonl``, a line a frame, into the folder `out`.

    `out` appears, or replaces what an earlier decoding wrote, when all is done. `on_frame` gets the number of frames
    done. Raises: InputError when the archive is of another decoder than the crew's, or `out` is somebody else's.
    """
    check_decoder(archive, crew[0].bundle)
    _refuse_foreign(out)
    workers = [partial(_picture_png, archive, reconstructor) for reconstructor in crew]
    try:
        with atomic_folder(out) as folder, (folder / FRAMES_NAME).open("w", encoding="utf-8") as lines:
            (folder / PICTURES_NAME).mkdir()
            rows = range(len(archive.names))
            with Pipeline(workers, rows, len(crew) * _IN_FLIGHT_PER_JOB) as pictures:
                for row, picture_png in zip(rows, pictures, strict=True):
                    name = f"{PICTURES_NAME}/{row:05d}-{_stem(archive.names[row])}.png"
                    (folder / name).write_bytes(picture_png)
                    lines.write(json.dumps(_line(archive, row, name), allow_nan=False) + "\n")
                    if on_frame is not None:
                        on_frame(row + 1)
    except OSError as error:
        raise InputError(
            expected=f"a folder {out} that can be written", got=str(error), fix="make room, or name another as --out"
        ) from error


def check_decoder(archive: Archive, bundle: Bundle) -> None:
    """Refuse a bundle whose decoder, or preprocessing, is not the archive's. Raises: InputError."""
    header, manifest = archive.header, bundle.manifest
    own = header.decoder_sha256, header.preprocess, header.latent_dim
    if own != (manifest.files[DECODER_NAME], manifest.preprocess, manifest.latent_dim):
        raise InputError(
            expected=f"the bundle that the archive was made with: {header.structure}, {header.precision}, "
            f"decoder {header.decoder_sha256[:12]}…, bundle {header.bundle_sha256[:12]}…",
            got=f"{bundle.folder}: {manifest.structure}, {manifest.precision}, "
            f"decoder {manifest.files[DECODER_NAME][:12]}…",
            fix="pass that bundle as --bundle: latents mean nothing to another decoder",
        )


def decoded_picture(reconstructor: Reconstructor, latent: NDArray[np.float16]) -> NDArray[np.float32]:
    """A latent (D,) → the decoder's output float32 (H, W) at network size, clipped to [0, 1].

    Raises: InputError when the decoder gives NaN.
    """
    output = reconstructor.session.decode(latent.astype(np.float32)[None])[0, 0]
    if np.isnan(output).any():
        raise InputError(
            expected="numbers from the decoder", got="NaN", fix="encode the frames again: the archive is damaged"
        )
    clipped: NDArray[np.float32] = np.clip(output, 0.0, 1.0)
    return clipped


def _picture_png(archive: Archive, reconstructor: Reconstructor, row: int) -> bytes:
    picture = from_unit_range(decoded_picture(reconstructor, archive.latents[row])[None, None])[0]
    size = int(archive.heights_px[row]), int(archive.widths_px[row])
    return encode_png(unletterbox(picture, *size, archive.header.preprocess), archive.names[row])


def _line(archive: Archive, row: int, picture: str) -> dict[str, object]:
    mm_per_px = float(archive.mm_per_px[row])
    return {
        "number": row,
        "file": archive.names[row],
        "reconstruction": picture,
        "taken_at_s": float(archive.taken_at_s[row]),
        "ood_score": float(archive.ood_scores[row]),
        "ood_threshold": archive.header.ood_threshold,
        "in_distribution": bool(archive.in_distribution[row]),
        "height_px": int(archive.heights_px[row]),
        "width_px": int(archive.widths_px[row]),
        "mm_per_px": None if np.isnan(mm_per_px) else mm_per_px,
    }


def _stem(name: str) -> str:
    return _NO_FILE_NAME.sub("_", Path(name).stem)[:_LONGEST_STEM] or "frame"


def _refuse_foreign(out: Path) -> None:
    # The whole folder is replaced at the end, so it must be nobody else's.
    if not out.exists():
        return
    names = {entry.name for entry in out.iterdir()} if out.is_dir() else {out.name}
    foreign = names - {FRAMES_NAME, PICTURES_NAME}
    if foreign or (names and FRAMES_NAME not in names):
        raise InputError(
            expected="a new or empty folder, or one that an earlier decoding wrote, as --out",
            got=f"{out} with {', '.join(sorted(foreign)[:3]) or 'part of a run'} in it",
            fix="name another folder",
        )
