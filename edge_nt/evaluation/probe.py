"""Site provenance in frozen latents: what a linear probe reads from each stage, with and without burned-in overlays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

import edge_nt
from edge_nt.bundle.output_file import check_output_folder
from edge_nt.datasets.dataset import Row
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.datasets.hospital_split import HospitalSplit
from edge_nt.datasets.site import scanner_site
from edge_nt.errors import InputError
from edge_nt.evaluation.evaluation import STAGES
from edge_nt.evaluation.probe_fit import Features
from edge_nt.evaluation.probe_judge import JudgedProbe, ProbeFrames, changes_between, judge_probe
from edge_nt.evaluation.probe_result import (
    OVERLAYS_ALONE,
    RESULTS_NAME,
    OverlayFacts,
    Overlays,
    Probe,
    SiteCount,
    SiteFacts,
)
from edge_nt.evaluation.stage_pass import encode_frames
from edge_nt.results import now_utc, write_result
from edge_nt.training.checkpoint import load_model, read_facts
from edge_nt.training.frame_cache import cached_frames
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import RunFrames, frames_of, read_run_frames, refuse_changed_data

BATCH_SIZE = 32
# One pixel of the baseline for so many of the network input: the place of a logo or a ruler stays, its letters do not.
OVERLAY_SHRINK = 8

By = Literal["site", "hospital"]
Frames = NDArray[np.uint8]
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Views:
    """The same frames uint8 (N, H, W) with all that was burned in, and with what lies outside the sector black."""

    visible: Frames
    masked: Frames


def probe_run(
    run: Path,
    data_root: Path | None,
    *,
    by: By = "site",
    out: Path,
    on_progress: OnProgress = lambda _what, _done, _total: None,
) -> Probe:
    """Probe both stages of `run` for the source site of a frame, and write `out`/probe.json.

    Probes are fitted on training frames, judged on held-in validation, and shown the held-out site, which is none of
    their answers. `data_root` is needed where the dataset has moved. `on_progress` gets what is done, how much of it
    and of how much.
    Raises: InputError when the run is unfinished or has fewer than two source sites; LeakageError when the dataset's
    rows are not the run's.
    """
    check_output_folder(out)
    info = read_run(run)
    digests = {stage: str(read_facts(run, stage)["sha256"]) for stage in STAGES}
    source = read_run_frames(info, data_root)
    tables = dataset_tables(source.dataset.root)
    refuse_changed_data(source, tables=False)
    sites = _site_facts(source.split, by)
    frames = _probe_frames(source.split, sites)
    views = _views(source, on_progress)
    judged: list[JudgedProbe] = []
    features = _features(run, views, on_progress)
    for name, overlays, values in features:
        on_progress("probes", len(judged), len(features))
        judged.append(judge_probe(name, overlays, values, frames))
    probe = Probe(
        edge_nt_version=edge_nt.__version__,
        measured_utc=now_utc(),
        run=run.resolve().name,
        checkpoint_sha256=digests,
        dataset=info.dataset,
        synthetic=source.dataset.synthetic,
        sites=sites,
        overlays=_overlay_facts(views, not info.preprocess.mask_overlays),
        probes=tuple(each.figures for each in judged),
        changes=changes_between(judged, frames),
        dataset_tables=tables,
    )
    write_result(out / RESULTS_NAME, probe)
    return probe


def _site_facts(split: HospitalSplit, by: By) -> SiteFacts:
    train, val = (Counter(_site(row, by) for row in rows) for rows in (split.train, split.val))
    if len(train) < 2 or val.keys() - train.keys():
        alien = ", ".join(sorted(val.keys() - train.keys()))
        raise InputError(
            expected="at least two source sites in training, and no other one in validation",
            got=f"{', '.join(sorted(train))}" + (f"; {alien} only in validation" if alien else ""),
            fix="probe a run with more source sites, or pass another --by",
        )
    names = sorted(train)
    held_out = {_site(row, by) for row in split.held_out}
    if held_out & train.keys():
        raise InputError(
            expected=f"a held-out site that is none of the source sites by {by}",
            got=f"{split.held_out_hospital}, which is {', '.join(sorted(held_out & train.keys()))} as well",
            fix="probe by site, or a run that holds out a whole hospital",
        )
    return SiteFacts(
        by=by,
        sites=tuple(SiteCount(name, train[name], val[name]) for name in names),
        unseen=split.held_out_hospital,
        unseen_frames=len(split.held_out),
        uniform_accuracy=1 / len(names),
        majority_accuracy=val[max(names, key=lambda name: train[name])] / len(split.val),
        largest_entropy=math.log(len(names)),
    )


def _site(row: Row, by: By) -> str:
    return scanner_site(row) if by == "site" and row.scanner else row.hospital


def _probe_frames(split: HospitalSplit, facts: SiteFacts) -> ProbeFrames:
    place = {each.site: position for position, each in enumerate(facts.sites)}
    train, val = (
        np.array([place[_site(row, facts.by)] for row in rows], np.int64) for rows in (split.train, split.val)
    )
    return ProbeFrames(train, val, tuple(row.patient for row in split.train), len(place))


def _views(source: RunFrames, on_progress: OnProgress) -> _Views:
    """Training, held-in validation and held-out frames, in that order, both ways."""
    dataset = source.dataset
    rows = (*source.split.train, *source.split.val, *source.split.held_out)

    def view(masked: bool) -> Frames:
        preprocess = replace(source.info.preprocess, mask_overlays=masked)
        if preprocess == source.info.preprocess:
            return frames_of(source, rows)
        decoded = iter(range(1, len(dataset.rows) + 1))
        cached = cached_frames(dataset, preprocess, lambda: on_progress("frames", next(decoded), len(dataset.rows)))
        return frames_of(replace(source, cached=cached), rows)

    return _Views(view(masked=False), view(masked=True))


def _features(run: Path, views: _Views, on_progress: OnProgress) -> list[tuple[str, Overlays, Features]]:
    found: list[tuple[str, Overlays, Features]] = []
    kinds: tuple[tuple[Overlays, Frames], ...] = (("visible", views.visible), ("masked", views.masked))
    encoded, total = 0, len(STAGES) * sum(len(frames) for _, frames in kinds)

    def tick() -> None:
        nonlocal encoded
        encoded += 1
        on_progress("latents", encoded, total)

    for stage in STAGES:
        model = load_model(run, stage)
        for overlays, frames in kinds:
            found.append((stage, overlays, encode_frames(model, frames, batch_size=BATCH_SIZE, on_frame=tick)))
    return [*found, (OVERLAYS_ALONE, "alone", _overlay_pixels(views))]


def _outside(views: _Views) -> Frames:
    """What masking took away: letterboxing is linear but for its rounding, so a difference is the pixels outside."""
    return np.asarray(np.maximum(views.visible, views.masked) - views.masked)


def _overlay_pixels(views: _Views) -> Features:
    height, width = (side // OVERLAY_SHRINK for side in views.visible.shape[1:])
    small = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in _outside(views)]
    return np.stack(small).reshape(len(small), -1).astype(np.float32)


def _overlay_facts(views: _Views, encoder_saw_overlays: bool) -> OverlayFacts:
    return OverlayFacts(
        encoder_saw_overlays=encoder_saw_overlays,
        frames_without_sector=int((views.masked.reshape(len(views.masked), -1).max(axis=1) == 0).sum()),
        brightness_outside=float(_outside(views).sum(dtype=np.int64) / max(1, views.visible.sum(dtype=np.int64))),
    )
