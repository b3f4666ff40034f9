"""The OOD watch and the drift monitor of a bundle, measured on live sequences made of its run's held-in scans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edge_nt
from edge_nt.atomic import atomic_file
from edge_nt.bundle.output_file import check_output_folder
from edge_nt.bundle.read import Bundle, read_bundle
from edge_nt.datasets.dataset import Row
from edge_nt.errors import InputError
from edge_nt.evaluation.ood_corruptions import blur, gain
from edge_nt.evaluation.ood_drift import Half, change_after_half, halves, take, unseen_stream, validity
from edge_nt.evaluation.ood_frames import unseen_sites
from edge_nt.evaluation.ood_live import FRAME_RATES, PlayedScan, event_figures, held_stream, played_scan
from edge_nt.evaluation.ood_operation_result import OPERATION_RESULT_NAME, DriftFigures, OperationReport, ValidityFigure
from edge_nt.evaluation.ood_operation_tables import operation_markdown
from edge_nt.evaluation.ood_sequences import EVENTS
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.ood.combined import CombinedOodModel, FrameFigures, combined_scores, frame_figures, joined_figures
from edge_nt.ood.combined_fit import recalibrated
from edge_nt.ood.watch import WatchSettings
from edge_nt.results import now_utc, write_result
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.runtime.session import Session
from edge_nt.training.checkpoint import read_facts
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import RunFrames, frames_of, read_run_frames, refuse_changed_data

MARKDOWN_NAME = "ood-operation.md"
_CHUNK_FRAMES = 32
OnStep = Callable[[int, int], None]


def measure_operation(
    run: Path,
    bundle_folder: Path,
    data_root: Path | None,
    *,
    out: Path,
    seed: int = 0,
    on_scan: OnStep = lambda _done, _total: None,
) -> OperationReport:
    """Play every held-in scan of `run` to the watch of the bundle that was exported from it, and write `out`.

    Every scan is judged by a calibration on the *other* patients. `on_scan` gets scans done and in all.
    Raises: InputError when the bundle is not of this run; LeakageError when the dataset's rows are not the run's.
    """
    check_output_folder(out)
    bundle = read_bundle(bundle_folder)
    _refuse_other_run(run, bundle)
    source = read_run_frames(read_run(run), data_root)
    session = OnnxRuntimeSession(bundle.encoder_onnx, bundle.decoder_onnx)
    refuse_changed_data(source, tables=False)
    rows = source.split.val
    patients = [row.patient for row in rows]
    unseen = unseen_sites(source)
    scans = frames_of(source, rows)
    validation = _figures(session, scans)
    # Before the scans are played, which takes minutes.
    halved = halves(bundle.ood, validation, patients, seed)
    played = _played(bundle, session, scans, validation, patients, seed=seed, on_scan=on_scan)
    drift = _drift(bundle.ood, session, source, validation, (halved, unseen), seed=seed)
    report = _report(run, bundle, source, played, drift, seed=seed)
    _write(out, report)
    return report


@dataclass(frozen=True)
class _Drift:
    """What validation says of p-values and drift."""

    p_values: tuple[ValidityFigure, ...]
    streams: tuple[DriftFigures, ...]


def _report(
    run: Path, bundle: Bundle, source: RunFrames, played: Sequence[PlayedScan], drift: _Drift, *, seed: int
) -> OperationReport:
    stream, update_us = held_stream(played, np.random.default_rng(seed))
    return OperationReport(
        edge_nt_version=edge_nt.__version__,
        measured_utc=now_utc(),
        run=run.resolve().name,
        bundle_sha256=bundle.sha256,
        precision=bundle.manifest.precision,
        synthetic=source.dataset.synthetic,
        held_out_hospital=source.info.held_out_hospital,
        patients=bundle.ood.held_in.patient_count,
        seed=seed,
        settings=asdict(WatchSettings()),
        threshold=bundle.ood.threshold,
        events=tuple(event_figures(played, k, rate) for rate in FRAME_RATES for k in range(len(EVENTS))),
        held_stream=stream,
        p_values=drift.p_values,
        drift=drift.streams,
        update_us=update_us,
    )


def _drift(
    model: CombinedOodModel,
    session: Session,
    source: RunFrames,
    validation: FrameFigures,
    prepared: tuple[Sequence[Half], Mapping[str, tuple[Row, ...]]],
    *,
    seed: int,
) -> _Drift:
    rows, (halved, unseen) = source.split.val, prepared
    patients = [row.patient for row in rows]
    changed = {name: _figures(session, frames) for name, frames in _changes(frames_of(source, rows)).items()}
    streams = [
        change_after_half(name, halved, validation, figures, patients, seed=seed)
        for name, figures in {"held-in scans, no change": validation, **changed}.items()
    ]
    for site, rows_there in unseen.items():
        scores = combined_scores(model, _figures(session, frames_of(source, rows_there)))
        streams.append(unseen_stream(f"unseen site {site}", model, scores, seed))
    return _Drift(validity(halved, validation), tuple(streams))


def _refuse_other_run(run: Path, bundle: Bundle) -> None:
    stated, found = bundle.manifest.checkpoint_sha256, str(read_facts(run, "stage2")["sha256"])
    if stated != found:
        raise InputError(
            expected=f"a bundle of the run {run}, whose stage 2 is {found[:12]}…",
            got=f"{bundle.folder} of a checkpoint {stated[:12]}…",
            fix="export the run, or name the run that the bundle was exported from",
        )


def _played(
    bundle: Bundle,
    session: Session,
    scans: NDArray[np.uint8],
    validation: FrameFigures,
    patients: Sequence[str],
    *,
    seed: int,
    on_scan: OnStep,
) -> list[PlayedScan]:
    names, played = np.asarray(patients, np.str_), []
    for place, scan in enumerate(scans):
        on_scan(place, len(scans))
        others = names != names[place]
        model = recalibrated(bundle.ood, take(validation, others), names[others].tolist())
        played.append(played_scan(scan, model, session, np.random.default_rng([seed, place])))
    return played


def _figures(session: Session, frames: NDArray[np.uint8]) -> FrameFigures:
    parts = []
    for start in range(0, len(frames), _CHUNK_FRAMES):
        chunk = frames[start : start + _CHUNK_FRAMES]
        latents = session.encode(to_unit_range(chunk))
        parts.append(frame_figures(chunk, latents, np.clip(session.decode(latents)[:, 0], 0.0, 1.0)))
    return joined_figures(parts)


def _changes(scans: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """What slowly goes wrong at a scanner, so little that many single frames pass. Nothing in it is drawn."""
    made = {"gain −3 dB": (gain, -3.0), "gain −6 dB": (gain, -6.0), "blur 1 px": (blur, 1.0)}
    drawn = np.random.default_rng(0)
    return {name: np.stack([corrupt(scan, level, drawn) for scan in scans]) for name, (corrupt, level) in made.items()}


def _write(out: Path, report: OperationReport) -> None:
    (out / OPERATION_RESULT_NAME).unlink(missing_ok=True)  # It stands for a complete folder.
    with atomic_file(out / MARKDOWN_NAME) as temporary:
        temporary.write_text(operation_markdown(report), encoding="utf-8")
    write_result(out / OPERATION_RESULT_NAME, report)
