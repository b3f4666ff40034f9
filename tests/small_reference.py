"""A folder of shipped bundles as `edge-nt reference` leaves it, of two small bundles with the verdicts asked for."""

from __future__ import annotations

from pathlib import Path

import block_bundle

from edge_nt.bundle.read import read_bundle
from edge_nt.bundle.reference import NamedGate, OodFigure, Reference, ShippedBundle, Standard
from edge_nt.bundle.verdict import BackendVerdict, ComparedWith, JudgedGate, write_verdict
from edge_nt.digests import sha256_file
from edge_nt.machine import describe_machine
from edge_nt.recipes import default_path
from edge_nt.results import write_result

HELD_OUT = f"held-out {block_bundle.HELD_OUT}"
_METRICS = ("ROI MAE", "OOD flips", "caliper bias")


def leave_verdict(
    folder: Path,
    *,
    left_open: tuple[str, ...] = (),
    failed: tuple[str, ...] = (),
    group: str = HELD_OUT,
    caliper_not_gated: str | None = None,
    backend: str = "onnxruntime",
) -> Path:
    """Write a verdict of three gates into a bundle, which pass unless they are named."""
    gates = []
    for metric in _METRICS:
        state = "FAIL" if metric in failed else "not shown" if metric in left_open else "pass"
        gates.append(JudgedGate(metric, group, "%", 0.1, 0.5 if state == "pass" else 2.0, 0.975, 1.0, state))
    gates_sha256 = sha256_file(default_path("benchmarks/roi_gates.toml"))
    compared = ComparedWith("a" * 64, "blobs", "b" * 64, "c" * 64, "roi_gates.toml", gates_sha256, caliper_not_gated)
    outcome = "failed" if left_open or failed else "passed"
    entry = BackendVerdict(outcome, compared, tuple(gates), "0.0.0", "2026-01-02T03:04:05Z", describe_machine())
    write_verdict(folder, read_bundle(folder).sha256, backend, entry)
    return folder


def write(root: Path, *, left_open: tuple[str, ...] = (), reason: str | None = None) -> Path:
    """Write INT8 for CPUs and FP16, in this order of preference, with the record that ships them."""
    shipped = []
    for name, precision, target in (("int8-cpu", "int8", "cpu"), ("fp16", "fp16", "any")):
        folder = leave_verdict(
            block_bundle.write(root / name, precision, target=None if target == "any" else target), left_open=left_open
        )
        size_bytes = sum(file.stat().st_size for file in folder.iterdir())
        gates = tuple(NamedGate(metric, HELD_OUT) for metric in left_open)
        shipped.append(ShippedBundle(name, precision, target, read_bundle(folder).sha256, size_bytes, gates))
    standard = Standard(
        "blobs", "NT", block_bundle.HELD_OUT, 192, 256, 11, 0.1, "combination", (OodFigure("breast", 5, 0.9, 0.8, 1.0),)
    )
    write_result(root / "reference.json", Reference("0.0.0", "c" * 64, standard, tuple(shipped), reason))
    return root
