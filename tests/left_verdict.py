"""A verdict beside a bundle, as `edge-nt verify` leaves it."""

from __future__ import annotations

from pathlib import Path

from edge_nt.bundle.read import read_bundle
from edge_nt.bundle.verdict import BackendVerdict, ComparedWith, JudgedGate, write_verdict
from edge_nt.digests import sha256_file
from edge_nt.machine import describe_machine
from edge_nt.recipes import default_path


def leave(
    folder: Path, backend: str, outcome: str, caliper_not_gated: str | None = None, short: str = "not shown"
) -> Path:
    state = "pass" if outcome == "passed" else short
    worse_end = 0.015 if state == "pass" else 0.03
    gate = JudgedGate("caliper bias", "held-out north", "mm", 0.01, worse_end, 0.975, 0.02, state)
    gates_sha256 = sha256_file(default_path("benchmarks/roi_gates.toml"))
    compared = ComparedWith("a" * 64, "scans", "b" * 64, "c" * 64, "roi_gates.toml", gates_sha256, caliper_not_gated)
    verdict = BackendVerdict(outcome, compared, (gate,), "0.0.0", "2026-01-02T03:04:05Z", describe_machine())
    write_verdict(folder, read_bundle(folder).sha256, backend, verdict)
    return folder
