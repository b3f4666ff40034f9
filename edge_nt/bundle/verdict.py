"""`verdict.json`: what `edge-nt verify` found about a bundle, kept inside it, one entry a backend.

It names the SHA-256 of the bundle.json that was judged. That file has the hash of every other one, so a verdict holds
for exactly the bytes it was measured on. It is no signature: docs/verify.md says how to add one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_nt.atomic import TEMPORARY_PREFIX
from edge_nt.bundle.manifest import VERDICT_NAME
from edge_nt.errors import InputError
from edge_nt.machine import Machine
from edge_nt.results import read_result, write_result

Outcome = Literal["passed", "failed"]
GateState = Literal["pass", "FAIL", "not shown"]
# A verdict with every gate of every backend has some 30 kB; what is far larger was not written by us.
_LARGEST_BYTES = 1_000_000
_HEX_DIGITS = 64


@dataclass(frozen=True)
class JudgedGate:
    """One gate in short: the estimate, the worse end of its interval, how sure that is, the limit, and the state.

    Raises: ValueError when the state is not what the figures say.
    """

    metric: str
    group: str
    unit: str
    estimate: float | None
    worse_end: float | None
    confidence: float | None
    limit: float
    state: GateState

    def __post_init__(self) -> None:
        if self.state == "pass" and not (self.worse_end is not None and self.worse_end <= self.limit):
            raise ValueError(f"{self.metric} of {self.group}: {self.worse_end} does not pass {self.limit:g}")


@dataclass(frozen=True)
class ComparedWith:
    """What a bundle was compared with: SHA-256 of the reference's bundle.json, of both tables, and of the gate file.

    `scans_sha256` is over the judged frames, empty in verdicts from before it was recorded.
    `caliper_not_gated` is the gate file's reason for having no caliper gates, None where it has them.
    """

    reference_sha256: str
    dataset: str
    manifest_csv_sha256: str
    boxes_csv_sha256: str
    gate_file: str
    gate_file_sha256: str
    caliper_not_gated: str | None
    scans_sha256: str = ""


@dataclass(frozen=True)
class BackendVerdict:
    """The verdict on a bundle on one backend. Raises: ValueError when the outcome is not what the gates say."""

    outcome: Outcome
    compared_with: ComparedWith
    gates: tuple[JudgedGate, ...]
    edge_nt_version: str
    measured_utc: str
    machine: Machine

    def __post_init__(self) -> None:
        passed = bool(self.gates) and all(gate.state == "pass" for gate in self.gates)
        if passed != (self.outcome == "passed"):
            raise ValueError(f"outcome {self.outcome!r} is not what the {len(self.gates)} gates say")


@dataclass(frozen=True)
class Verdict:
    """The content of `verdict.json`. Raises: ValueError when it is of no bundle or no backend."""

    bundle_sha256: str
    backends: Mapping[str, BackendVerdict]
    kind: Literal["edge-nt verdict"] = "edge-nt verdict"
    schema_version: Literal[1] = 1

    def __post_init__(self) -> None:
        if len(self.bundle_sha256) != _HEX_DIGITS or not self.backends:
            raise ValueError("expected the SHA-256 of a bundle.json and at least one backend")


def read_verdict(folder: Path, bundle_sha256: str) -> Verdict | None:
    """The verdict on the bundle in `folder`, None where there is none.

    Raises: InputError when it cannot be read, contradicts itself, or is of another bundle.json than `bundle_sha256`.
    """
    path = folder / VERDICT_NAME
    if not path.exists():
        return None
    fix = "judge the bundle again with `edge-nt verify`"
    if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
        raise InputError(expected=f"a verdict of at most {_LARGEST_BYTES} bytes", got=f"another thing: {path}", fix=fix)
    found = read_result(path, Verdict)
    if found.bundle_sha256 != bundle_sha256:
        raise InputError(
            expected=f"a verdict on this bundle.json, {bundle_sha256[:12]}…",
            got=f"one on {found.bundle_sha256[:12]}… in {path}: the bundle was changed after it was verified",
            fix=fix,
        )
    return found


def write_verdict(folder: Path, bundle_sha256: str, backend: str, verdict: BackendVerdict) -> None:
    """Write the verdict on one backend beside those on others, replacing an older one, whole or not at all.

    What stands there about another bundle.json, or cannot be read, is dropped.
    Raises: InputError when the folder cannot be written to.
    """
    with _alone_in(folder):
        try:
            before = read_verdict(folder, bundle_sha256)
        except InputError:
            before = None
        backends = {**(before.backends if before else {}), backend: verdict}
        write_result(folder / VERDICT_NAME, Verdict(bundle_sha256, backends))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one verify after the other write: a failed entry that another one overwrote would let the bundle run."""
    try:
        import fcntl
    except ImportError:  # Windows has none of it; bundles run on Linux.
        yield
        return
    # The folder itself is locked, so that no file is left in it; the system frees it whichever way this ends.
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _no_place(folder, error) from error
    try:
        with suppress(OSError):  # Some network file systems have no locks; the write is whole there, too.
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def check_verdict_place(folder: Path) -> None:
    """Refuse a bundle folder that no verdict can be written to, before minutes are spent. Raises: InputError."""
    try:
        with tempfile.NamedTemporaryFile(prefix=TEMPORARY_PREFIX, dir=folder):
            pass
    except OSError as error:
        raise _no_place(folder, error) from error


def _no_place(folder: Path, error: OSError) -> InputError:
    return InputError(
        expected=f"a bundle folder that can be written to, since {VERDICT_NAME} belongs into it",
        got=f"{folder}: {error.strerror}",
        fix="verify a copy that you may write to, or pass --no-verdict to judge without leaving a verdict",
    )
