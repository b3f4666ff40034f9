"""Reading a bundle folder: every hash is verified before anything in it is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_nt.atomic import TEMPORARY_PREFIX
from edge_nt.bundle.golden_vectors import GoldenVectors
from edge_nt.bundle.manifest import (
    DECODER_NAME,
    ENCODER_NAME,
    FILE_NAMES,
    GOLDEN_NAME,
    LATER_NAMES,
    MANIFEST_NAME,
    OOD_NAME,
    BundleManifest,
)
from edge_nt.bundle.manifest_json import manifest_from_json
from edge_nt.errors import EdgeNtError, InputError
from edge_nt.npz import read_npz
from edge_nt.ood.combined import CombinedOodModel
from edge_nt.ood.combined_arrays import combined_from_arrays

_AGAIN = "copy the bundle again from where it was exported, or export it again with `edge-nt export`"
# Far above any encoder, statistics or golden frames; a file that says more is no part of a bundle.
_MOST_FILE_BYTES = 1 << 30
_MOST_ARRAY_BYTES = 512 << 20
_GOLDEN_ARRAYS = ("frames", "latents", "reconstructions")


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory; the graphs are the ONNX bytes whose hashes were verified.

    `sha256` is that of bundle.json, which has the hash of every other file; empty for a bundle that never was on disk.
    """

    folder: Path
    manifest: BundleManifest
    encoder_onnx: bytes
    decoder_onnx: bytes
    ood: CombinedOodModel
    golden: GoldenVectors
    sha256: str = ""


def read_bundle(folder: Path) -> Bundle:
    """Read the bundle in `folder`.

    The hashes find damage and mix-ups; they are no signature, so take bundles only from people you trust.

    Raises: InputError when a file is missing, extra or changed, when the manifest is not one this version reads,
    or when the OOD statistics belong to another encoder or precision.
    """
    manifest, digest = _read_manifest(folder)
    _check_names(folder)
    contents = {name: _read_verified(folder / name, wanted) for name, wanted in manifest.files.items()}
    ood = _ood(_arrays(contents[OOD_NAME], folder / OOD_NAME), manifest, folder / OOD_NAME)
    golden = _golden(_arrays(contents[GOLDEN_NAME], folder / GOLDEN_NAME), folder / GOLDEN_NAME)
    check_parts(manifest, ood, golden, folder)
    return Bundle(folder, manifest, contents[ENCODER_NAME], contents[DECODER_NAME], ood, golden, digest)


def check_parts(manifest: BundleManifest, ood: CombinedOodModel, golden: GoldenVectors, folder: Path) -> None:
    """Refuse OOD statistics or golden vectors whose sizes are not those of the manifest. Raises: InputError."""
    sides = manifest.preprocess.height, manifest.preprocess.width
    sizes = ood.latent.means.shape[-1], golden.latents.shape[-1], golden.frames.shape[1:]
    wanted = manifest.latent_dim, manifest.latent_dim, sides
    if sizes != wanted:
        raise InputError(
            expected=f"OOD means, golden latents and golden frames of {wanted} in {folder}", got=f"{sizes}", fix=_AGAIN
        )


def _read_manifest(folder: Path) -> tuple[BundleManifest, str]:
    """The manifest and the SHA-256 of its very bytes."""
    path = folder / MANIFEST_NAME
    try:
        written = _read_whole(path)
        content = json.loads(written)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, (FileNotFoundError, NotADirectoryError)) and not folder.is_dir():
            raise InputError(
                expected="a bundle folder",
                got=f"no folder {folder}",
                fix="correct the path, or write a bundle there with `edge-nt export`",
            ) from error
        raise InputError(
            expected=f"a bundle folder with a readable {MANIFEST_NAME}",
            got=f"{path}: {error}",
            fix="pass the folder that `edge-nt export` wrote",
        ) from error
    try:
        return manifest_from_json(content), sha256(written).hexdigest()
    except EdgeNtError as error:
        raise type(error)(expected=error.expected, got=f"{error.got} in {path}", fix=error.fix) from error


def _check_names(folder: Path) -> None:
    wanted = {MANIFEST_NAME, *FILE_NAMES}
    # A verify that was killed while it wrote its verdict leaves a partial file, which is no part of a bundle.
    names = {entry.name for entry in folder.iterdir() if not entry.name.startswith(TEMPORARY_PREFIX)}
    present = names - set(LATER_NAMES)
    if present != wanted:
        missing, extra = sorted(wanted - present), sorted(present - wanted)
        raise InputError(
            expected=f"exactly {', '.join(sorted(wanted))} in {folder}",
            got=f"missing: {', '.join(missing) or 'none'}; extra: {', '.join(extra) or 'none'}",
            fix=_AGAIN,
        )


def _read_verified(path: Path, digest: str) -> bytes:
    try:
        content = _read_whole(path)
    except (OSError, ValueError) as error:
        raise InputError(expected=f"a readable file {path}", got=str(error), fix=_AGAIN) from error
    found = sha256(content).hexdigest()
    if found != digest:
        raise InputError(
            expected=f"{path} with SHA-256 {digest[:12]}… as {MANIFEST_NAME} says", got=f"{found[:12]}…", fix=_AGAIN
        )
    return content


def _read_whole(path: Path) -> bytes:
    # A pipe would keep whoever opens it waiting.
    if path.exists() and not path.is_file():
        raise ValueError("a folder or device, not a file")
    if path.stat().st_size > _MOST_FILE_BYTES:
        raise ValueError(f"a file of more than {_MOST_FILE_BYTES >> 20} MiB")
    return path.read_bytes()


def _arrays(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    try:
        return read_npz(content, _MOST_ARRAY_BYTES)
    except ValueError as error:
        raise InputError(expected=f"plain arrays in {path}", got=str(error), fix=_AGAIN) from error


def _ood(arrays: Mapping[str, NDArray[Any]], manifest: BundleManifest, path: Path) -> CombinedOodModel:
    fitted_on = str(arrays.get("precision")), str(arrays.get("encoder_sha256"))
    wanted = manifest.precision, manifest.files[ENCODER_NAME]
    if fitted_on != wanted:
        raise InputError(
            expected=f"OOD statistics of this bundle's {wanted[0]} encoder {wanted[1][:12]}… in {path}",
            got=f"statistics of a {fitted_on[0]} encoder {fitted_on[1][:12]}…",
            fix="quantised latents differ, so export the bundle again with statistics of its own",
        )
    statistics = {name: array for name, array in arrays.items() if name not in ("precision", "encoder_sha256")}
    try:
        return combined_from_arrays(statistics)
    except InputError as error:
        raise InputError(expected=error.expected, got=f"{error.got} in {path}", fix=error.fix) from error


def _golden(arrays: Mapping[str, NDArray[Any]], path: Path) -> GoldenVectors:
    if set(arrays) != set(_GOLDEN_ARRAYS):
        raise InputError(
            expected=f"{', '.join(_GOLDEN_ARRAYS)} in {path}", got=", ".join(map(repr, arrays)) or "nothing", fix=_AGAIN
        )
    return GoldenVectors(arrays["frames"], arrays["latents"], arrays["reconstructions"])
