"""A verdict made by hand, left beside a bundle, and where the bundle stands by it."""

from __future__ import annotations

from pathlib import Path

from edge_nt.bundle.read import read_bundle
from edge_nt.bundle.standing import standing_of
from edge_nt.bundle.verdict import BackendVerdict, ComparedWith, JudgedGate, write_verdict
from edge_nt.digests import sha256_file
from edge_nt.machine import describe_machine
from edge_nt.recipes import default_path

GATES_SHA256 = sha256_file(default_path("benchmarks/roi_gates.toml"))
COMPARED = ComparedWith("a" * 64, "scans", "b" * 64, "c" * 64, "roi_gates.toml", GATES_SHA256, None)


def gate(worse_end: float = 0.5, state: str = "pass") -> JudgedGate:
    return JudgedGate("ROI MAE", "source validation", "%", 0.2, worse_end, 0.975, 1.0, state)


def entry(outcome: str = "passed") -> BackendVerdict:
    gates = (gate(),) if outcome == "passed" else (gate(), gate(2.0, "FAIL"))
    return BackendVerdict(outcome, COMPARED, gates, "0.0.0", "2026-01-02T03:04:05Z", describe_machine())


def leave(folder: Path, backend: str = "onnxruntime", outcome: str = "passed") -> Path:
    write_verdict(folder, read_bundle(folder).sha256, backend, entry(outcome))
    return folder / "verdict.json"


def standing(folder: Path, backend: str = "onnxruntime") -> tuple[str, str]:
    found = standing_of(read_bundle(folder), backend)
    return found.state, found.says
