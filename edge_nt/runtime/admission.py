"""The guard before a bundle runs: its verdict, and this machine's repeat of its golden vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_nt.bundle.read import Bundle
from edge_nt.bundle.reference import shipped_all_the_same
from edge_nt.bundle.standing import Standing, standing_of
from edge_nt.errors import GateFailedError, InputError
from edge_nt.runtime.golden import check_golden, shipped_tolerances
from edge_nt.runtime.session import Session

_ALLOWED: dict[str, Literal["unverified (allowed)", "not shown (allowed)", "failed (allowed)"]] = {
    "unverified": "unverified (allowed)",
    "not shown": "not shown (allowed)",
    "failed": "failed (allowed)",
}
_ALLOW = "pass --allow-unverified (allow_unverified=True) to run it all the same"


@dataclass(frozen=True)
class Admission:
    """Why a bundle may run: `state` goes into every output line, `says` is the reason in words.

    ``not shown (shipped)`` is a bundle of the reference whose verdict leaves gates open, in the full sight of those who
    shipped it; no gate of it failed.
    """

    state: Literal[
        "passed",
        "passed, calipers not gated",
        "reference",
        "not shown (shipped)",
        "unverified (allowed)",
        "not shown (allowed)",
        "failed (allowed)",
    ]
    says: str

    def __str__(self) -> str:
        """One line, such as ``passed: passed on onnxruntime by roi_gates.toml``."""
        return f"{self.state}: {self.says}"


def admit(bundle: Bundle, session: Session, *, allow_unverified: bool = False) -> Admission:
    """Admit a bundle that passed its gates, or is the FP32 reference, and whose golden vectors this session repeats.

    A bundle that edge-nt ships with is admitted with gates not shown, too, where its record names them with a reason.

    Raises: GateFailedError for a bundle that did not pass, or does not repeat its golden vectors here; InputError for
    one without a verdict on what it is now. None of them with `allow_unverified`.
    """
    standing = standing_of(bundle, session.backend)
    shipped = shipped_all_the_same(bundle, standing.not_shown)
    if standing.state == "failed" or (standing.state == "not shown" and shipped is None):
        return _or_refuse(standing, bundle, allow_unverified=allow_unverified)
    try:
        check_golden(bundle, session, shipped_tolerances())
    except GateFailedError as error:
        if not allow_unverified:
            raise
        return Admission("unverified (allowed)", f"golden vectors not repeated on {session.backend}: got {error.got}")
    if standing.state == "not shown":
        return Admission("not shown (shipped)", f"{standing.says}; shipped all the same: {shipped}")
    if standing.state == "unverified":
        return _or_refuse(standing, bundle, allow_unverified=allow_unverified)
    return Admission(standing.state, standing.says)


def _or_refuse(standing: Standing, bundle: Bundle, *, allow_unverified: bool) -> Admission:
    if allow_unverified:
        return Admission(_ALLOWED[standing.state], standing.says)
    if standing.state != "unverified":
        raise GateFailedError(
            expected=f"{bundle.folder} to have passed `edge-nt verify`",
            got=standing.says,
            fix=f"run a precision or --backend that passed, or {_ALLOW}",
        )
    raise InputError(
        expected=f"{bundle.folder} with a verdict of `edge-nt verify`",
        got=standing.says,
        fix=f"judge it with `edge-nt verify` against its FP32 bundle, or {_ALLOW}",
    )
