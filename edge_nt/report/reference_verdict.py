"""Whether a bundle's own verdict lets it ship."""

from __future__ import annotations

from edge_nt.bundle.read import Bundle
from edge_nt.bundle.reference import NamedGate, ShippedBundle
from edge_nt.bundle.standing import open_gates
from edge_nt.bundle.verdict import read_verdict
from edge_nt.errors import GateFailedError, InputError
from edge_nt.verify.reference_pass import SOURCE_VALIDATION


def shipped_bundle(bundle: Bundle, size_bytes: int) -> ShippedBundle:
    """What the record says of a bundle whose verdict lets it ship: on every backend all gates of source validation
    passed, calipers among them, and none failed anywhere; gates of the held-out site may be open.

    Raises: GateFailedError for a bundle that did not pass so far; InputError for one without a verdict on what it is.
    """
    verdict = read_verdict(bundle.folder, bundle.sha256)
    if verdict is None:
        raise InputError(
            expected=f"{bundle.folder} with a verdict", got="none", fix="judge it with `edge-nt verify` against FP32"
        )
    left_open: dict[NamedGate, None] = {}
    for backend, entry in verdict.backends.items():
        lost = [gate for gate in entry.gates if gate.state != "pass"]
        beyond = [gate for gate in lost if gate.state == "FAIL" or gate.group == SOURCE_VALIDATION]
        if beyond or entry.compared_with.caliper_not_gated is not None:
            names = [f"{gate.metric} of {gate.group} {gate.state}" for gate in beyond] or ["calipers not gated"]
            raise GateFailedError(
                expected=f"{bundle.folder} to pass every gate on source validation, calipers too, and to fail none",
                got=f"on {backend}: {', '.join(names)}",
                fix="ship another recipe or precision, or a better model",
            )
        left_open.update(dict.fromkeys(open_gates(entry.gates)))
    manifest = bundle.manifest
    name = bundle.folder.resolve().name
    return ShippedBundle(name, manifest.precision, manifest.target, bundle.sha256, size_bytes, tuple(left_open))
