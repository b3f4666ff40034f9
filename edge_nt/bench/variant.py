"""What is measured: a bundle on a backend, or a peer that a user would pick instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from edge_nt.bundle.read import read_bundle
from edge_nt.errors import InputError
from edge_nt.runtime.backends import BACKENDS, check_backend
from edge_nt.runtime.reconstructor import Reconstructor, load_unjudged

Origin = Literal["bundle", "peer"]


@dataclass(frozen=True)
class VariantIdentity:
    """Which variant a figure is of. `name` is unique in a report; `target` is what the graph was made for.

    `threads` is the number asked for, None for the engine's choice; `encoder_sha256` is None for a peer whose weights
    do not come from the encoder of a bundle.
    """

    name: str
    origin: Origin
    precision: str
    target: str
    backend: str
    threads: int | None
    encoder_sha256: str | None


@dataclass(frozen=True)
class Variant:
    """A variant and how to load it anew; a load that raises any exception is recorded as that variant's failure.

    A peer is a Session of its own inside a Reconstructor of the FP32 reference bundle, so that preprocessing, scoring
    and the clock are the same code. `folder` is the bundle for a fresh process, None for a peer.
    """

    identity: VariantIdentity
    load: Callable[[], Reconstructor]
    folder: Path | None = None

    @property
    def name(self) -> str:
        """The identity's name."""
        return self.identity.name


def bundle_variants(
    folders: Sequence[Path], backends: Sequence[str], threads: int | None = None
) -> tuple[Variant, ...]:
    """Every bundle on every backend, named such as ``int8-cpu · openvino``.

    Raises: InputError for a bundle that cannot be read, two of one folder name, or an unknown backend.
    """
    for backend in backends:
        # Not ``auto``: a figure needs the name of what was measured.
        check_backend(backend, BACKENDS)
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise InputError(
            expected="bundle folders of different names, since figures go by them",
            got=", ".join(names),
            fix="rename a folder, or name each only once",
        )
    return tuple(_bundle_variant(folder, backend, threads) for folder in folders for backend in backends)


def _bundle_variant(folder: Path, backend: str, threads: int | None) -> Variant:
    manifest = read_bundle(folder).manifest
    identity = VariantIdentity(
        name=f"{folder.resolve().name} · {backend}",
        origin="bundle",
        precision=manifest.precision,
        target=manifest.target,
        backend=backend,
        threads=threads,
        encoder_sha256=manifest.files["encoder.onnx"],
    )
    return Variant(identity, partial(load_unjudged, folder, threads, backend), folder)
