"""A candidate bundle against its reference, frame by frame through the runtime."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

import edge_nt
from edge_nt.datasets.dataset import read_dataset
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.machine import Machine, describe_machine
from edge_nt.results import now_utc
from edge_nt.runtime.backends import AUTO
from edge_nt.runtime.golden import GoldenError, check_golden
from edge_nt.runtime.reconstructor import Reconstructor, load_unjudged
from edge_nt.verify.comparison import Comparison, compare, refuse_another_run
from edge_nt.verify.gates import GateFile, GateFileIdentity
from edge_nt.verify.reference_pass import ReferencePass, pass_reference

# What the candidate is held against, whatever runs it: the backend that bundles are exported with.
REFERENCE_BACKEND = "onnxruntime"


@dataclass(frozen=True)
class BundleIdentity:
    """Which bundle was measured on which backend, and how well this machine repeats its golden vectors."""

    folder: str
    precision: str
    backend: str
    bundle_sha256: str
    files: dict[str, str]
    golden: GoldenError


@dataclass(frozen=True)
class DatasetTables:
    """SHA-256 of the tables that say which frames were compared, and where the boxes are."""

    manifest_csv_sha256: str
    boxes_csv_sha256: str


@dataclass(frozen=True)
class VerifyReport:
    """What `edge-nt verify` found; `passed` says whether every gate passed.

    `measured_utc` is when the measurement ended, such as 2026-11-23T14:05:00Z. `scans_sha256` is over the judged frames
    as the networks saw them, in order; it and `edge_nt_version` are empty in reports from before they were recorded.
    """

    kind: Literal["edge-nt verify"]
    schema_version: Literal[3]
    passed: bool
    candidate: BundleIdentity
    reference: BundleIdentity
    checkpoint_sha256: str
    structure: str
    dataset: str
    dataset_tables: DatasetTables
    synthetic: bool
    gate_file: GateFileIdentity
    comparison: Comparison
    measured_utc: str
    machine: Machine
    edge_nt_version: str = ""
    scans_sha256: str = ""


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
    come first. `on_frame` is called with the frames done and their total, for the reference and then for the candidate.
    Raises: InputError when the bundles are of different checkpoints or preprocessing, or the data cannot be used;
    GateFailedError when a bundle does not repeat its golden vectors here. A failed gate is in the report, not raised.
    """
    before, after = load_unjudged(reference, threads, REFERENCE_BACKEND), load_unjudged(candidate, threads, backend)
    refuse_another_run(before.bundle, after.bundle)
    golden = [check_golden(side.bundle, side.session, gate_file.golden) for side in (after, before)]
    dataset = read_dataset(data_root)
    digests = dataset_tables(data_root)
    tables = DatasetTables(digests["manifest.csv"], digests["boxes.csv"])
    passed = pass_reference(before, dataset, on_frame=on_frame)
    comparison = compare(after, passed, gate_file.gates, on_frame)
    manifest = before.bundle.manifest
    return VerifyReport(
        kind="edge-nt verify",
        schema_version=3,
        passed=comparison.passed,
        candidate=_identity(after, golden[0]),
        reference=_identity(before, golden[1]),
        checkpoint_sha256=manifest.checkpoint_sha256,
        structure=manifest.structure,
        dataset=dataset.name,
        dataset_tables=tables,
        synthetic=dataset.synthetic,
        gate_file=gate_file.identity,
        comparison=comparison,
        measured_utc=now_utc(),
        machine=describe_machine(threads),
        edge_nt_version=edge_nt.__version__,
        scans_sha256=_scans_digest(passed),
    )


def _scans_digest(passed: ReferencePass) -> str:
    digest = hashlib.sha256()
    for frame in passed.frames:
        digest.update(f"{frame.row.file} {frame.scan.shape}\n".encode() + np.ascontiguousarray(frame.scan).tobytes())
    return digest.hexdigest()


def _identity(reconstructor: Reconstructor, golden: GoldenError) -> BundleIdentity:
    manifest = reconstructor.bundle.manifest
    folder = reconstructor.bundle.folder.resolve().name
    bundle, backend = reconstructor.bundle, reconstructor.session.backend
    return BundleIdentity(folder, manifest.precision, backend, bundle.sha256, dict(manifest.files), golden)
