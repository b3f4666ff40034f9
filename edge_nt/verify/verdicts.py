"""What the compared frames of one group say against the gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.verify.frame_comparison import FrameComparison, RoiPair
from edge_nt.verify.gates import Gates


@dataclass(frozen=True)
class GateVerdict:
    """One metric of one group: both bundles' figures, the change, the limit it is held against, and the verdict.

    `change` and `limit` are in `unit`; a change up to the limit passes. A change below 0 is a gain.
    """

    metric: str
    group: str
    unit: str
    reference: float | None
    candidate: float | None
    change: float
    limit: float
    passed: bool


@dataclass(frozen=True)
class GroupFigures:
    """Means over the frames of a group; ROI figures over its frames with a box, None where none has one.

    `ood_median_shift` is the median |change| of score / threshold; `flips` counts frames whose verdict changed.
    """

    group: str
    frames: int
    roi_frames: int
    reference_psnr_db: float
    candidate_psnr_db: float
    ood_median_shift: float
    flips: int
    roi: RoiPair | None


def group_figures(group: str, frames: Sequence[FrameComparison]) -> GroupFigures:
    """The figures of at least one frame."""
    rois = [frame.roi for frame in frames if frame.roi is not None]
    shifts = _each(frames, lambda frame: abs(frame.candidate_score - frame.reference_score))
    means = [float(np.mean([getattr(roi, name) for roi in rois])) for name in RoiPair.__dataclass_fields__ if rois]
    return GroupFigures(
        group=group,
        frames=len(frames),
        roi_frames=len(rois),
        reference_psnr_db=float(_each(frames, lambda frame: frame.reference_psnr_db).mean()),
        candidate_psnr_db=float(_each(frames, lambda frame: frame.candidate_psnr_db).mean()),
        ood_median_shift=float(np.median(shifts)),
        flips=sum(frame.flipped for frame in frames),
        roi=RoiPair(*means) if means else None,
    )


def judge(figures: GroupFigures, structure: str, gates: Gates) -> tuple[GateVerdict, ...]:
    """One verdict a gate. Raises: InputError when no frame of the group has a box, so that its gates mean nothing."""
    roi, group = figures.roi, figures.group
    if roi is None:
        raise InputError(
            expected=f"boxes of {structure} on frames of {group}",
            got="none",
            fix="add them to boxes.csv, or verify on a dataset that has them",
        )
    edge = roi.reference_edge_mae, roi.candidate_edge_mae
    mae = roi.reference_mae, roi.candidate_mae
    psnr_db = figures.reference_psnr_db, figures.candidate_psnr_db
    between = None, None
    difference_limit = gates.roi_mean_difference_max_grey_levels
    measured = (
        ("ROI Edge-MAE", "%", edge, _increase_percent(*edge), gates.roi_edge_mae_max_increase_percent),
        ("ROI MAE", "%", mae, _increase_percent(*mae), gates.roi_mae_max_increase_percent),
        ("PSNR drop", "dB", psnr_db, psnr_db[0] - psnr_db[1], gates.psnr_max_drop_db),
        ("ROI mean |difference|", "grey levels", between, roi.difference_grey_levels, difference_limit),
        ("OOD score shift", "thresholds", between, figures.ood_median_shift, gates.ood_median_shift_max_thresholds),
    )
    # NaN compares false, so a change that is no number fails.
    return tuple(
        GateVerdict(metric, group, unit, pair[0], pair[1], change, limit, change <= limit)
        for metric, unit, pair, change, limit in measured
    )


def _increase_percent(reference: float, candidate: float) -> float:
    # A perfect reference is possible (an all-black box); then any loss at all is a large increase.
    return 100.0 * (candidate - reference) / max(reference, 1e-9)


def _each(frames: Sequence[FrameComparison], value: Callable[[FrameComparison], float]) -> NDArray[np.float64]:
    return np.array([value(frame) for frame in frames], np.float64)
