"""What the compared frames of one group come to, before any gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_nt.verify.frame_comparison import CaliperTriple, FrameComparison, RoiPair

Unit = Literal["mm", "px"]


@dataclass(frozen=True)
class DriftFigures:
    """Candidate − reference reading over the `frames` that both measure: in mm where each has a spacing, else in px of
    the network input.
    """

    frames: int
    unit: Unit
    median: float
    p95: float
    bias: float
    largest: float


@dataclass(frozen=True)
class CaliperFigures:
    """How many of the frames with a box the caliper can measure in the scan and in each reconstruction.

    `newly_not_measurable` frames are measurable in the reference and not in the candidate, `newly_measurable` the other
    way round. `median`, `p95` and `largest` of the drift are of its size, `bias` is its mean with its sign.
    """

    scan_measurable: int
    reference_measurable: int
    candidate_measurable: int
    newly_not_measurable: int
    newly_measurable: int
    drift: DriftFigures | None


@dataclass(frozen=True)
class GroupFigures:
    """Means over the frames of a group; ROI figures over its frames with a box, None where none has one.

    `ood_median_shift` is the median |change| of score / threshold; `flips` counts frames whose verdict changed; the
    cosines are between both bundles' latents of a frame.
    """

    group: str
    frames: int
    roi_frames: int
    reference_psnr_db: float
    candidate_psnr_db: float
    ood_median_shift: float
    flips: int
    latent_cosine_median: float
    latent_cosine_least: float
    roi: RoiPair | None
    calipers: CaliperFigures | None


def group_figures(group: str, frames: Sequence[FrameComparison]) -> GroupFigures:
    """The figures of at least one frame."""
    rois = [frame.roi for frame in frames if frame.roi is not None]
    calipers = [frame.calipers for frame in frames if frame.calipers is not None]
    cosines = values(frames, lambda frame: frame.latent_cosine)
    means = [float(np.mean([getattr(roi, name) for roi in rois])) for name in RoiPair.__dataclass_fields__ if rois]
    return GroupFigures(
        group=group,
        frames=len(frames),
        roi_frames=len(rois),
        reference_psnr_db=float(values(frames, lambda frame: frame.reference_psnr_db).mean()),
        candidate_psnr_db=float(values(frames, lambda frame: frame.candidate_psnr_db).mean()),
        ood_median_shift=float(np.median(score_shifts(frames))),
        flips=sum(frame.flipped for frame in frames),
        latent_cosine_median=float(np.median(cosines)),
        latent_cosine_least=float(cosines.min()),
        roi=RoiPair(*means) if means else None,
        calipers=_caliper_figures(calipers) if calipers else None,
    )


def values(frames: Sequence[FrameComparison], value: Callable[[FrameComparison], float]) -> NDArray[np.float64]:
    """One number a frame, float64 (N,)."""
    return np.array([value(frame) for frame in frames], np.float64)


def score_shifts(frames: Sequence[FrameComparison]) -> NDArray[np.float64]:
    """|candidate − reference| of each frame's score in thresholds, float64 (N,)."""
    return values(frames, lambda frame: abs(frame.candidate_score - frame.reference_score))


def drifts(calipers: Sequence[CaliperTriple]) -> tuple[Unit, NDArray[np.float64]]:
    """Candidate − reference reading of each frame that both measure, float64 (N,), and its unit.

    Millimetres where every such frame has a spacing; else px of the network input for all, since a mean of both units
    would be none.
    """
    pixels = [each.drift_px for each in calipers if each.drift_px is not None]
    millimetres = [each.drift_mm for each in calipers if each.drift_mm is not None]
    if millimetres and len(millimetres) == len(pixels):
        return "mm", np.array(millimetres, np.float64)
    return "px", np.array(pixels, np.float64)


def _caliper_figures(calipers: Sequence[CaliperTriple]) -> CaliperFigures:
    before = [each.reference.measurable for each in calipers]
    after = [each.candidate.measurable for each in calipers]
    unit, drift = drifts(calipers)
    return CaliperFigures(
        scan_measurable=sum(each.scan.measurable for each in calipers),
        reference_measurable=sum(before),
        candidate_measurable=sum(after),
        newly_not_measurable=sum(one and not other for one, other in zip(before, after, strict=True)),
        newly_measurable=sum(other and not one for one, other in zip(before, after, strict=True)),
        drift=_drift_figures(unit, drift) if drift.size else None,
    )


def _drift_figures(unit: Unit, drift: NDArray[np.float64]) -> DriftFigures:
    sizes = np.abs(drift)
    return DriftFigures(
        frames=drift.size,
        unit=unit,
        median=float(np.median(sizes)),
        p95=float(np.quantile(sizes, 0.95)),
        bias=float(drift.mean()),
        largest=float(sizes.max()),
    )
