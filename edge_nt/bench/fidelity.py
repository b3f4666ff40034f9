"""What a speed costs: each variant's reconstructions against the FP32 reference bundle, gated inside the ROI."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.verify.verdicts import GateVerdict, GroupFigures


@dataclass(frozen=True)
class Fidelity:
    """A variant's figures and verdicts on source validation and the held-out hospital, or the reason why it failed."""

    variant: str
    reference: str
    dataset: str
    synthetic: bool
    failed: str | None
    groups: tuple[GroupFigures, ...]
    verdicts: tuple[GateVerdict, ...]
