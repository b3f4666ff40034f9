"""The reference: the bundles that edge-nt ships with, what is said of them, and which one a machine runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_nt.bundle.manifest import Precision, Target
from edge_nt.bundle.read import Bundle
from edge_nt.errors import InputError
from edge_nt.recipes import default_path
from edge_nt.results import read_result

RECORD_NAME = "reference.json"
CARD_NAME = "MODEL_CARD.md"
README_NAME = "README.md"
# All bundles together; a fresh install carries them, needed or not.
LARGEST_BYTES = 25_000_000


@dataclass(frozen=True)
class NamedGate:
    """A gate of a verdict by its metric and its group of frames."""

    metric: str
    group: str


@dataclass(frozen=True)
class ShippedBundle:
    """A bundle of the reference: `folder` lies beside the record; `not_shown` are the gates that its verdict leaves."""

    folder: str
    precision: Precision
    target: Target
    bundle_sha256: str
    size_bytes: int
    not_shown: tuple[NamedGate, ...]


@dataclass(frozen=True)
class OodFigure:
    """AUROC of a model's stage 2 between held-in validation and `frames` of `name`, with its 95 % interval."""

    name: str
    frames: int
    auroc: float
    low: float
    high: float


@dataclass(frozen=True)
class Standard:
    """What another model has to be better than, and on which frames: figures of `evaluation.json` and `ood.json`.

    `roi_mae` is the mean over the `images` of source validation that have a box, after stage 2; `ood` is of the score
    that bundles carry, named by `ood_score`, at the unseen sites and the folders of `edge-nt ood`.
    """

    dataset: str
    structure: str
    held_out_hospital: str
    height_px: int
    width_px: int
    images: int
    roi_mae: float
    ood_score: str
    ood: tuple[OodFigure, ...]


@dataclass(frozen=True)
class Reference:
    """The content of `reference.json`; the bundles stand in the order in which they are preferred.

    `not_shown_reason` says, in its maker's words, why bundles are shipped whose verdicts leave gates open; None where
    every gate passed. Raises: ValueError when there are such gates and no reason, or no bundle at all.
    """

    edge_nt_version: str
    checkpoint_sha256: str
    standard: Standard
    bundles: tuple[ShippedBundle, ...]
    not_shown_reason: str | None
    kind: Literal["edge-nt reference"] = "edge-nt reference"
    schema_version: Literal[1] = 1

    def __post_init__(self) -> None:
        open_gates = any(bundle.not_shown for bundle in self.bundles)
        if not self.bundles or open_gates != bool(self.not_shown_reason and self.not_shown_reason.strip()):
            raise ValueError("expected at least one bundle, and a reason exactly where gates are not shown")
        for bundle in self.bundles:
            if Path(bundle.folder).name != bundle.folder or bundle.folder in ("", ".", ".."):
                raise ValueError(f"expected the name of a folder beside {RECORD_NAME}, got {bundle.folder!r}")


def reference_folder() -> Path:
    """Where the shipped bundles lie: inside an installed package, or `export/reference/` of a checkout."""
    return default_path(f"export/reference/{RECORD_NAME}").parent


def read_reference() -> Reference:
    """What is said of the shipped bundles. Raises: InputError where none are shipped, or the record is damaged."""
    path = reference_folder() / RECORD_NAME
    if not path.is_file():
        raise InputError(
            expected="a reference bundle that edge-nt ships with",
            got="none in this installation",
            fix="name a bundle folder, such as `edge-nt run BUNDLE INPUT...` with one that `edge-nt export` wrote",
        )
    return read_result(path, Reference)


def reference_bundle(backend: str) -> Path:
    """The folder of the shipped bundle that `backend` runs: the first one, on TensorRT the first not made for CPUs.

    Raises: InputError where there is none.
    """
    for bundle in read_reference().bundles:
        if backend != "tensorrt" or bundle.target != "cpu":
            return reference_folder() / bundle.folder
    raise InputError(
        expected="a shipped bundle for TensorRT", got="only bundles made for CPUs", fix="name a bundle folder"
    )


def shipped_all_the_same(bundle: Bundle, not_shown: tuple[NamedGate, ...]) -> str | None:
    """The reason why this very bundle is shipped although its verdict leaves the gates `not_shown` open.

    None for a bundle that is not of the shipped ones, was changed, or has a gate open of which the record says nothing.
    """
    if bundle.folder.resolve().parent != reference_folder().resolve() or not not_shown:
        return None
    try:
        reference = read_reference()
    except InputError:
        return None
    stated = [each.not_shown for each in reference.bundles if each.bundle_sha256 == bundle.sha256]
    if not stated or not set(not_shown) <= set(stated[0]):
        return None
    return reference.not_shown_reason
