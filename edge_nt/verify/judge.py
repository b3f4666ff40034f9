"""The gates that every pair of bundles has: losses inside the ROI, over the frame, and of the OOD score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_nt.metrics.bootstrap import (
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_median,
    bootstrap_relative_change,
)
from edge_nt.verify.caliper_gates import judge_calipers
from edge_nt.verify.flip_share import flip_bounds
from edge_nt.verify.frame_comparison import FrameComparison, RoiPair
from edge_nt.verify.gate_result import Evidence, GateResult, Loss, from_interval, judge_loss
from edge_nt.verify.gates import Gates, RoiGates
from edge_nt.verify.group_figures import score_shifts

_SEED = 0


def judge(group: str, frames: Sequence[FrameComparison], gates: Gates) -> tuple[GateResult, ...]:
    """Every gate's result on the frames of one group, in the order of the gate file."""
    rois = [frame.roi for frame in frames if frame.roi is not None]
    found = (*_roi(group, rois, gates.roi), *_whole_frame(group, frames, gates.roi))
    calipers = [frame.calipers for frame in frames if frame.calipers is not None]
    return (*found, *judge_calipers(group, calipers, gates.caliper)) if gates.caliper else found


def _roi(group: str, rois: Sequence[RoiPair], gates: RoiGates) -> tuple[GateResult, ...]:
    between = np.array([roi.difference_grey_levels for roi in rois])
    bounds = from_interval(bootstrap_interval(between, seed=_SEED)) if rois else None
    losses = (
        (_relative_loss("ROI Edge-MAE", rois, "edge_mae"), gates.roi_edge_mae_max_increase_percent),
        (_relative_loss("ROI MAE", rois, "mae"), gates.roi_mae_max_increase_percent),
        (Loss("ROI mean |difference|", "grey levels", bounds), gates.roi_mean_difference_max_grey_levels),
    )
    evidence = Evidence(gates.min_frames, "frames with a box")
    return tuple(judge_loss(loss, group, limit, evidence) for loss, limit in losses)


def _relative_loss(metric: str, rois: Sequence[RoiPair], name: str) -> Loss:
    before, after = (
        np.array([getattr(roi, f"{side}_{name}") for roi in rois], np.float64) for side in ("reference", "candidate")
    )
    # Where the reference loses nothing at all there is no ratio to it, and the gate is not shown.
    change = bootstrap_relative_change(before, after, seed=_SEED) if rois else None
    if change is None:
        return Loss(metric, "%", None)
    return Loss(metric, "%", from_interval(change, 100.0), float(before.mean()), float(after.mean()))


def _whole_frame(group: str, frames: Sequence[FrameComparison], gates: RoiGates) -> tuple[GateResult, ...]:
    psnr_db = _pair([(frame.reference_psnr_db, frame.candidate_psnr_db) for frame in frames])
    scores = _pair([(frame.reference_score, frame.candidate_score) for frame in frames if not frame.on_threshold])
    drop = from_interval(bootstrap_difference(psnr_db[1], psnr_db[0], seed=_SEED))
    shift = from_interval(bootstrap_median(score_shifts(frames), seed=_SEED))
    # Of a group whose every frame lies on the threshold no flip can be told from rounding.
    flips = flip_bounds(*scores, seed=_SEED) if scores.size else None
    out_percent = (100.0 * np.mean(scores > 1, axis=1)).tolist() if scores.size else (None, None)
    losses = (
        (Loss("PSNR drop", "dB", drop, *psnr_db.mean(axis=1).tolist()), gates.psnr_max_drop_db),
        (Loss("OOD score shift", "thresholds", shift), gates.ood_median_shift_max_thresholds),
        (Loss("OOD flips", "%", flips, *out_percent), gates.ood_flips_max_percent),
    )
    evidence = Evidence(gates.min_frames, "frames")
    return tuple(judge_loss(loss, group, limit, evidence) for loss, limit in losses)


def _pair(sides: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Figures of the reference and of the candidate as float64 (2, N)."""
    return np.asarray(np.array(sides, np.float64).reshape(-1, 2).T)
