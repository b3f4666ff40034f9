"""What a bundle's verdict says about running it on one backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_nt.bundle.manifest import VERDICT_NAME
from edge_nt.bundle.read import Bundle
from edge_nt.bundle.reference import NamedGate
from edge_nt.bundle.verdict import BackendVerdict, ComparedWith, JudgedGate, Verdict, read_verdict
from edge_nt.digests import sha256_file
from edge_nt.errors import InputError
from edge_nt.recipes import default_path

_SHIPPED_GATES = ("roi_gates.toml", "demo_gates.toml")


@dataclass(frozen=True)
class Standing:
    """Where a bundle stands before its golden vectors are repeated; `says` is the reason in words.

    ``passed`` is by caliper gates too; where the gate file had none, the state itself says so. ``reference`` is an FP32
    bundle: the precision that others are compared with, and nothing to compare it with. ``not shown`` did not pass
    either, but no gate found a loss: frames were missing, or intervals wide; `not_shown` names those gates.
    """

    state: Literal["passed", "passed, calipers not gated", "reference", "unverified", "not shown", "failed"]
    says: str
    not_shown: tuple[NamedGate, ...] = ()


def standing_of(bundle: Bundle, backend: str) -> Standing:
    """The bundle's standing on `backend`.

    The backend's own entry counts first. Without one, a pass elsewhere covers it, since every backend that runs has to
    repeat the golden vectors, unless an entry of yet another backend failed: then they were no guarantee.
    """
    try:
        verdict = read_verdict(bundle.folder, bundle.sha256)
    except InputError as error:
        return Standing("unverified", f"expected {error.expected}, got {error.got}")
    own = verdict.backends.get(backend) if verdict else None
    if own is not None:
        words = _words(own, backend)
        return _passed(own, words) if own.outcome == "passed" else _not_passed(bundle, own.gates, words)
    if bundle.manifest.precision == "fp32":
        return Standing("reference", "FP32 is what other precisions are compared with")
    if verdict is None:
        return Standing("unverified", f"no {VERDICT_NAME} in {bundle.folder}")
    return _elsewhere(bundle, verdict, backend)


def _elsewhere(bundle: Bundle, verdict: Verdict, backend: str) -> Standing:
    failed = [name for name, entry in verdict.backends.items() if entry.outcome == "failed"]
    passed = [name for name, entry in verdict.backends.items() if entry.outcome == "passed"]
    if not failed:
        entry = verdict.backends[passed[0]]
        return _passed(entry, f"{_words(entry, passed[0])}; {backend} held to it by golden vectors")
    if not passed:
        # A loss on any backend counts before gates that another leaves open, and every open one has to be answered for.
        worst = next((name for name in failed if _lost(verdict.backends[name].gates)), failed[0])
        gates = [gate for name in failed for gate in verdict.backends[name].gates]
        return _not_passed(bundle, gates, f"{_words(verdict.backends[worst], worst)}; no verdict on {backend}")
    return Standing("unverified", f"passed on {passed[0]} but failed on {failed[0]}; no verdict on {backend} itself")


def _not_passed(bundle: Bundle, gates: Sequence[JudgedGate], says: str) -> Standing:
    if _lost(gates):
        return Standing("failed", says)
    if bundle.manifest.precision == "fp32":
        # What cannot be shown of FP32 against itself is short of frames; it stays what others are compared with.
        return Standing("reference", f"FP32 is what other precisions are compared with; {says}")
    return Standing("not shown", says, open_gates(gates))


def _lost(gates: Sequence[JudgedGate]) -> bool:
    return any(gate.state == "FAIL" for gate in gates)


def open_gates(gates: Sequence[JudgedGate]) -> tuple[NamedGate, ...]:
    """Those of a verdict's gates that are not shown."""
    return tuple(NamedGate(gate.metric, gate.group) for gate in gates if gate.state == "not shown")


def _passed(entry: BackendVerdict, says: str) -> Standing:
    gated = entry.compared_with.caliper_not_gated is None
    return Standing("passed" if gated else "passed, calipers not gated", says)


def _words(entry: BackendVerdict, backend: str) -> str:
    name = _gate_file(entry.compared_with)
    calipers = ", calipers not gated" if entry.compared_with.caliper_not_gated is not None else ""
    by_gates = f"on {backend} by {name}{calipers}"
    if entry.outcome == "passed":
        return f"passed {by_gates}"
    lost = [gate for gate in entry.gates if gate.state != "pass"]
    worst = ", ".join(dict.fromkeys(f"{gate.metric} {gate.state}" for gate in lost[:3]))
    return f"{len(lost)} of {len(entry.gates)} gates did not pass {by_gates} ({worst}{', …' if len(lost) > 3 else ''})"


def _gate_file(compared_with: ComparedWith) -> str:
    """The gate file's name; a file that only has the name of a shipped one, and other limits, is told apart."""
    name = compared_with.gate_file
    if name not in _SHIPPED_GATES or compared_with.gate_file_sha256 == sha256_file(default_path(f"benchmarks/{name}")):
        return name
    return f"another {name} than the one here"
