"""From a verify report to the entry that stays in the bundle."""

from __future__ import annotations

from edge_nt import __version__
from edge_nt.bundle.verdict import BackendVerdict, ComparedWith, JudgedGate
from edge_nt.verify.gate_result import GateResult
from edge_nt.verify.verification import VerifyReport


def verdict_entry(report: VerifyReport) -> BackendVerdict:
    """The verdict on the candidate on its backend, with the hashes of all that it was compared with."""
    gate_file = report.gate_file
    return BackendVerdict(
        outcome="passed" if report.passed else "failed",
        compared_with=ComparedWith(
            reference_sha256=report.reference.bundle_sha256,
            dataset=report.dataset,
            manifest_csv_sha256=report.dataset_tables.manifest_csv_sha256,
            boxes_csv_sha256=report.dataset_tables.boxes_csv_sha256,
            gate_file=gate_file.name,
            gate_file_sha256=gate_file.sha256,
            caliper_not_gated=gate_file.caliper_not_gated,
            scans_sha256=report.scans_sha256,
        ),
        gates=tuple(map(_judged, report.comparison.gates)),
        edge_nt_version=__version__,
        measured_utc=report.measured_utc,
        machine=report.machine,
    )


def _judged(gate: GateResult) -> JudgedGate:
    bounds = gate.bounds
    return JudgedGate(
        metric=gate.metric,
        group=gate.group,
        unit=gate.unit,
        estimate=None if bounds is None else bounds.estimate,
        worse_end=None if bounds is None else bounds.high,
        confidence=None if bounds is None else bounds.confidence,
        limit=gate.limit,
        state=gate.state,
    )
