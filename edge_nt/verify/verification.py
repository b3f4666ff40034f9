"""A candidate bundle against its reference, frame by frame through the runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_nt.bundle.manifest import BundleManifest
from edge_nt.datasets.dataset import Dataset, Row, read_dataset
from edge_nt.errors import InputError
from edge_nt.machine import Machine, describe_machine
from edge_nt.runtime.backends import AUTO
from edge_nt.runtime.golden import GoldenError, check_golden
from edge_nt.runtime.reconstructor import Reconstructor, load
from edge_nt.verify.frame_comparison import FrameComparison, compare_frame
from edge_nt.verify.gates import GateFile, Gates
from edge_nt.verify.verdicts import GateVerdict, GroupFigures, group_figures, judge

SOURCE_VALIDATION = "source validation"
# What the candidate is held against, whatever runs it: the backend that bundles are exported with.
REFERENCE_BACKEND = "onnxruntime"


@dataclass(frozen=True)
class BundleIdentity:
    """Which bundle was measured on which backend, and how well this machine repeats its golden vectors."""

    folder: str
    precision: str
    backend: str
    files: dict[str, str]
    golden: GoldenError


@dataclass(frozen=True)
class Comparison:
    """Two reconstructors on one dataset; `groups` carry the gates, `hospitals` are the same figures a hospital."""

    groups: tuple[GroupFigures, ...]
    hospitals: tuple[GroupFigures, ...]
    verdicts: tuple[GateVerdict, ...]


@dataclass(frozen=True)
class VerifyReport:
    """What `edge-nt verify` found; `groups` carry the gates, `hospitals` are the same figures a hospital.

    `passed` says whether every gate passed.
    """

    kind: Literal["edge-nt verify"]
    schema_version: Literal[2]
    passed: bool
    candidate: BundleIdentity
    reference: BundleIdentity
    checkpoint_sha256: str
    structure: str
    dataset: str
    synthetic: bool
    gate_file: str
    groups: tuple[GroupFigures, ...]
    hospitals: tuple[GroupFigures, ...]
    verdicts: tuple[GateVerdict, ...]
    machine: Machine


def verify_bundles(
    candidate: Path,
    reference: Path,
    data_root: Path,
    gate_file: GateFile,
    *,
    threads: int | None = None,
    backend: str = AUTO,
    on_frame: Callable[[int, int], None] | None = None,
) -> VerifyReport:
    """Compare two bundles of one checkpoint on source validation and the held-out hospital of a dataset folder.

    The candidate runs on `backend`, chosen as `load` chooses it, the reference always on onnxruntime. Golden vectors
    come first. `on_frame` is called with the frames done and their total.
    Raises: InputError when the bundles are of different checkpoints or preprocessing, or the data cannot be used;
    GateFailedError when a bundle does not repeat its golden vectors here. A failed gate is in the report, not raised.
    """
    before, after = load(reference, threads, REFERENCE_BACKEND), load(candidate, threads, backend)
    manifest = _shared_manifest(before, after)
    golden = [check_golden(side.bundle, side.session, gate_file.golden) for side in (after, before)]
    dataset = read_dataset(data_root)
    comparison = compare_reconstructors(after, before, dataset, gate_file.gates, on_frame)
    return VerifyReport(
        kind="edge-nt verify",
        schema_version=2,
        passed=all(verdict.passed for verdict in comparison.verdicts),
        candidate=_identity(after, golden[0]),
        reference=_identity(before, golden[1]),
        checkpoint_sha256=manifest.checkpoint_sha256,
        structure=manifest.structure,
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        gate_file=gate_file.path.name,
        groups=comparison.groups,
        hospitals=comparison.hospitals,
        verdicts=comparison.verdicts,
        machine=describe_machine(threads),
    )


def compare_reconstructors(
    candidate: Reconstructor,
    reference: Reconstructor,
    dataset: Dataset,
    gates: Gates,
    on_frame: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Run source validation and the held-out hospital through both and judge each group, without golden vectors.

    Raises: InputError when the two are of different checkpoints or preprocessing, or the data cannot be used.
    """
    manifest = _shared_manifest(reference, candidate)
    rows = _rows(dataset, manifest)
    done: list[FrameComparison] = []
    for row in rows:
        done.append(compare_frame(dataset, row, manifest.structure, reference, candidate))
        if on_frame is not None:
            on_frame(len(done), len(rows))
    groups = _groups(done, manifest)
    verdicts = tuple(verdict for group in groups for verdict in judge(group, manifest.structure, gates))
    return Comparison(groups, _hospitals(done), verdicts)


def _shared_manifest(reference: Reconstructor, candidate: Reconstructor) -> BundleManifest:
    first, second = reference.bundle.manifest, candidate.bundle.manifest
    for name in ("checkpoint_sha256", "preprocess", "structure", "held_out_hospital", "source_hospitals", "latent_dim"):
        if getattr(first, name) != getattr(second, name):
            raise InputError(
                expected=f"two bundles of one training run with the same {name}",
                got=f"{getattr(second, name)} in {candidate.bundle.folder} and {getattr(first, name)} in "
                f"{reference.bundle.folder}",
                fix="export both from the same run",
            )
    return first


def _rows(dataset: Dataset, manifest: BundleManifest) -> list[Row]:
    validation = [row for row in dataset.rows if row.split == "val" and row.hospital in manifest.source_hospitals]
    held_out = [row for row in dataset.rows if row.hospital == manifest.held_out_hospital]
    for name, rows in ((SOURCE_VALIDATION, validation), (f"held-out hospital {manifest.held_out_hospital}", held_out)):
        if not rows:
            raise InputError(
                expected=f"rows of {name} in {dataset.root}",
                got=f"none among {', '.join(dataset.hospitals())}",
                fix="verify on the dataset that the bundle's run was split from",
            )
        if not any(dataset.roi(row, manifest.structure) for row in rows):
            raise InputError(
                expected=f"boxes of {manifest.structure} on rows of {name} in {dataset.root}",
                got="none",
                fix="add them to boxes.csv, or verify on a dataset that has them",
            )
    return validation + held_out


def _groups(frames: Sequence[FrameComparison], manifest: BundleManifest) -> tuple[GroupFigures, ...]:
    held_out = [frame for frame in frames if frame.hospital == manifest.held_out_hospital]
    source = [frame for frame in frames if frame.hospital != manifest.held_out_hospital]
    return group_figures(SOURCE_VALIDATION, source), group_figures(f"held-out {manifest.held_out_hospital}", held_out)


def _hospitals(frames: Sequence[FrameComparison]) -> tuple[GroupFigures, ...]:
    names = sorted({frame.hospital for frame in frames})
    return tuple(group_figures(name, [frame for frame in frames if frame.hospital == name]) for name in names)


def _identity(reconstructor: Reconstructor, golden: GoldenError) -> BundleIdentity:
    manifest = reconstructor.bundle.manifest
    folder = reconstructor.bundle.folder.resolve().name
    return BundleIdentity(folder, manifest.precision, reconstructor.session.backend, dict(manifest.files), golden)
