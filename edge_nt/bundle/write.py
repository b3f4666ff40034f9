"""Writing a bundle folder, whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.atomic import TEMPORARY_PREFIX, atomic_folder, write_json
from edge_nt.bundle.golden_vectors import GoldenVectors
from edge_nt.bundle.manifest import (
    DECODER_NAME,
    ENCODER_NAME,
    FILE_NAMES,
    GOLDEN_NAME,
    LATER_NAMES,
    MANIFEST_NAME,
    OOD_NAME,
    VERDICT_NAME,
    BundleManifest,
)
from edge_nt.bundle.manifest_json import manifest_to_json
from edge_nt.bundle.output_file import check_output_folder
from edge_nt.bundle.read import check_parts
from edge_nt.errors import InputError
from edge_nt.ood.combined import CombinedOodModel
from edge_nt.ood.combined_arrays import combined_arrays


def write_bundle(
    folder: Path,
    manifest: BundleManifest,
    *,
    encoder_onnx: bytes,
    decoder_onnx: bytes,
    ood: CombinedOodModel,
    golden: GoldenVectors,
) -> BundleManifest:
    """Write a bundle into `folder`, replacing an older bundle there, and return the manifest with its file hashes.

    `ood` must be fitted on what `encoder_onnx` and `decoder_onnx` themselves gave; the bundle records the encoder's
    SHA-256 and precision beside the statistics. `manifest.files` is filled in here.

    Raises: InputError when `folder` holds something other than a bundle or cannot be written, or the parts do not fit
    each other.
    """
    refuse_foreign(folder)
    check_parts(manifest, ood, golden, folder)
    encoder_sha256 = sha256(encoder_onnx).hexdigest()
    fitted_on = {"precision": np.array(manifest.precision), "encoder_sha256": np.array(encoder_sha256)}
    contents = {
        ENCODER_NAME: encoder_onnx,
        DECODER_NAME: decoder_onnx,
        OOD_NAME: _npz({**combined_arrays(ood), **fitted_on}),
        GOLDEN_NAME: _npz(dict(vars(golden))),
    }
    written = replace(manifest, files={name: sha256(content).hexdigest() for name, content in contents.items()})
    try:
        with atomic_folder(folder) as temporary:
            for name, content in contents.items():
                (temporary / name).write_bytes(content)
            write_json(temporary / MANIFEST_NAME, manifest_to_json(written))
    except OSError as error:
        raise InputError(
            expected="a bundle folder that can be written",
            got=f"{folder}: {error.strerror}",
            fix="name another as --out",
        ) from error
    return written


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds anything but a bundle, since writing replaces the whole of it, or cannot be made.

    Raises: InputError, so that a mistyped --out costs nobody their files.
    """
    check_output_folder(folder, replaced=True)
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    # A verify that was killed leaves a partial file.
    names = {name for name in names if not name.startswith(TEMPORARY_PREFIX)}
    foreign = names - {MANIFEST_NAME, *FILE_NAMES, *LATER_NAMES}
    if foreign or (names and MANIFEST_NAME not in names):
        raise InputError(
            expected="a new, empty or older bundle folder to write to",
            got=f"{folder} with {', '.join(sorted(foreign or names))} in it",
            fix="name another folder",
        )


def refuse_judged(folder: Path) -> None:
    """Refuse a bundle that has a verdict, which would go with it when it is replaced. Raises: InputError."""
    if (folder / VERDICT_NAME).exists():
        raise InputError(
            expected="a bundle without a verdict to replace",
            got=f"{folder} with {VERDICT_NAME}, which `edge-nt verify` left",
            fix="name another folder as --out, or pass --force to replace bundle and verdict",
        )


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()
