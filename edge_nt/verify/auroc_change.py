"""Whether the candidate's OOD score still tells the held-out hospital from source validation; reported, not gated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.metrics.bootstrap import Interval
from edge_nt.metrics.roc import bootstrap_auroc, bootstrap_auroc_change
from edge_nt.verify.frame_comparison import FrameComparison

_SEED = 0


@dataclass(frozen=True)
class AurocChange:
    """AUROC of source validation against the held-out hospital for each bundle; `change` is candidate − reference."""

    reference: Interval
    candidate: Interval
    change: Interval


def auroc_change(source: Sequence[FrameComparison], held_out: Sequence[FrameComparison]) -> AurocChange:
    """Both bundles' AUROC on the same frames, at least one of each kind, and its paired change."""
    before = _scores(source, "reference"), _scores(held_out, "reference")
    after = _scores(source, "candidate"), _scores(held_out, "candidate")
    return AurocChange(
        reference=bootstrap_auroc(*before, seed=_SEED),
        candidate=bootstrap_auroc(*after, seed=_SEED),
        change=bootstrap_auroc_change(before, after, seed=_SEED),
    )


def _scores(frames: Sequence[FrameComparison], side: str) -> NDArray[np.float64]:
    return np.array([getattr(frame, f"{side}_score") for frame in frames], np.float64)
