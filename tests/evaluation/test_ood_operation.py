from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import block_bundle
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_nt.bundle.read import Bundle, read_bundle
from edge_nt.bundle.reference import read_reference, reference_folder
from edge_nt.cli.app import main
from edge_nt.errors import InputError
from edge_nt.evaluation import ood_drift, ood_live, ood_operation, ood_sequences
from edge_nt.evaluation.ood_drift import Stream, stream_figures
from edge_nt.evaluation.ood_live import event_figures, played_scan
from edge_nt.evaluation.ood_operation import MARKDOWN_NAME, measure_operation
from edge_nt.evaluation.ood_operation_result import OPERATION_RESULT_NAME, Delay, OperationReport
from edge_nt.evaluation.ood_sequences import EVENTS, FADE_S, FRAMES_PER_S, event_frames, live_frames
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import letterbox, to_unit_range
from edge_nt.ood.combined import FrameFigures, combined_scores, frame_figures
from edge_nt.ood.conformal import HeldInScores
from edge_nt.results import read_result
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.training.checkpoint import read_facts
from tests.evaluation.conftest import HELD_OUT, write_untrained_run


@pytest.fixture(scope="session")
def blob_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run on pictures of blobs, and a bundle that says it is of that run."""
    root = tmp_path_factory.mktemp("operation")
    block_bundle.write_scans(root / "scans", ("phantom-a", "phantom-b", HELD_OUT), per_hospital=12)
    write_untrained_run(root / "run", root / "scans")
    checkpoint = read_facts(root / "run", "stage2")["sha256"]
    return root / "run", block_bundle.write(root / "bundle", checkpoint=checkpoint)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less of everything: more of it differs in nothing but the figures."""
    monkeypatch.setattr(ood_live, "LIVE_FRAMES", 12)
    monkeypatch.setattr(ood_operation, "FRAME_RATES", (30.0, 5.0))
    monkeypatch.setattr(ood_live, "_EACH_S", 1.0)
    monkeypatch.setattr(ood_drift, "ORDERS", 6)


def test_a_held_scan_moves_a_little_and_its_black_stays_black() -> None:
    scan = block_bundle.scan(3)
    scan[:20] = 0
    live = live_frames(scan, 50, np.random.default_rng(0))
    assert (live.shape, live.dtype) == ((50, *scan.shape), np.uint8)
    assert not live[:, :8].any()
    np.testing.assert_array_equal(live, live_frames(scan, 50, np.random.default_rng(0)))
    levels = live.mean(axis=(1, 2)) / scan.mean()
    assert 0.03 < levels.std() < 0.25
    assert np.abs(live[1:].astype(float) - live[:-1]).mean(axis=(1, 2)).min() > 0.5


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_a_fade_leads_from_the_scan_to_what_takes_its_place(event: object) -> None:
    live = live_frames(block_bundle.scan(3), 12, np.random.default_rng(0))
    fade, held = event_frames(live, event, np.random.default_rng(1))  # type: ignore[arg-type]
    assert len(fade) == (round(FADE_S * FRAMES_PER_S) if event.fade_s else 0)  # type: ignore[attr-defined]
    far = [np.abs(frame.astype(float) - live[0]).mean() for frame in (*fade, held[0])]
    assert far[-1] == max(far) > 2
    assert far[0] < 0.25 * far[-1] or not len(fade)


def test_measures_a_bundle_on_its_runs_scans_and_repeats_itself(
    blob_run: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The blobs that the bundle knows have no grain; with it they would be out of distribution before any event.
    monkeypatch.setattr(ood_sequences, "_GRAIN_LEVELS", 0.0)
    told: list[tuple[int, int]] = []
    first, again = (
        measure_operation(*blob_run, None, out=tmp_path / name, on_scan=lambda *step: told.append(step))
        for name in ("first", "again")
    )
    untimed = {"measured_utc": "", "update_us": 0.0}
    assert replace(first, **untimed) == replace(again, **untimed)  # type: ignore[arg-type]
    assert read_result(tmp_path / "first" / OPERATION_RESULT_NAME, OperationReport) == first
    assert told[:12] == [(done, 12) for done in range(12)]
    assert [(each.event, each.frames_per_s) for each in first.events] == [
        (event.name, rate) for rate in (30.0, 5.0) for event in EVENTS
    ]
    black = first.events[1]
    assert (black.event, black.flagged_share, black.to_out.never) == ("black", 1.0, 0)
    assert black.scans > 6
    assert (black.to_out.worst_s or 9) <= 1.0
    assert first.held_stream.scans == 12
    assert next(each.stream for each in first.drift) == "held-in scans, no change"
    assert first.drift[-1].stream == f"unseen site {HELD_OUT}"
    assert first.drift[0].quiet + 3 == first.drift[0].exams == 6
    shares = [each.share for each in first.p_values]
    assert shares == sorted(shares)
    markdown = (tmp_path / "first" / MARKDOWN_NAME).read_text(encoding="utf-8")
    assert "SYNTHETIC" in markdown
    assert all(f"| {event.name}" in markdown for event in EVENTS)


def test_an_event_that_nobody_notices_has_no_recovery(blob_run: tuple[Path, Path]) -> None:
    bundle = read_bundle(blob_run[1])
    session = OnnxRuntimeSession(bundle.encoder_onnx, bundle.decoder_onnx)
    scan = played_scan(block_bundle.scan(3), bundle.ood, session, np.random.default_rng(0))
    inside = [replace(score, score=0.0, components=()) for score in scan.live]
    unnoticed = replace(scan, live=inside, events=[(inside[:5], inside)] * len(EVENTS))
    figures = event_figures([unnoticed], 0, 30.0)
    assert (figures.scans, figures.to_out.never) == (1, 1)
    assert figures.to_recover == Delay(None, None, None, 0)


def test_an_alarm_before_the_change_is_no_detection() -> None:
    held_in = HeldInScores(np.linspace(0.0, 1.0, 40), np.arange(40))
    unlike, alike = np.full(30, 9.0), np.random.default_rng(0).random(30)
    streams = [
        Stream(held_in, np.concatenate([unlike, unlike]), 30),
        Stream(held_in, np.concatenate([alike, unlike]), 30),
        Stream(held_in, np.concatenate([alike, unlike]), 30),
    ]
    figures = stream_figures("changed", streams, 0)
    assert (figures.early, figures.alarms, figures.orders) == (1, 2, 3)
    assert 0 < (figures.median_exams or 0) < 30
    alone = stream_figures("unseen", [Stream(held_in, unlike, 0)], 0)
    assert (alone.early, alone.alarms) == (0, 1)


def test_the_frames_of_a_patient_are_all_before_the_change_or_all_after(monkeypatch: pytest.MonkeyPatch) -> None:
    streams: list[Stream] = []
    monkeypatch.setattr(ood_drift, "stream_figures", lambda _name, given, _seed: streams.extend(given))
    # A frame's score is its number here, and 100 more once it has changed.
    monkeypatch.setattr(ood_drift, "combined_scores", lambda _model, figures: figures.errors)
    patients = [f"patient-{number // 3}" for number in range(24)]
    frames = FrameFigures(np.zeros((24, 1)), np.arange(24.0), np.zeros((24, 11)))
    later = replace(frames, errors=frames.errors + 100)
    half = [(SimpleNamespace(held_in=None), np.arange(24) >= 12)] * 5
    ood_drift.change_after_half("changed", half, frames, later, patients, seed=0)  # type: ignore[arg-type]
    for stream in streams:
        before, after = stream.scores[: stream.quiet], stream.scores[stream.quiet :] - 100
        assert len(before) == len(after) == 6
        assert sorted([*before, *after]) == list(range(12, 24))
        assert {patients[int(number)] for number in before}.isdisjoint(patients[int(number)] for number in after)
    assert len({tuple(stream.scores) for stream in streams}) > 1


def test_a_bundle_of_another_run_is_refused(blob_run: tuple[Path, Path], bundle_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a bundle of the run"):
        measure_operation(blob_run[0], bundle_folder, None, out=tmp_path)


def test_the_command_prints_what_it_writes(
    blob_run: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, bundle = map(str, blob_run)
    assert main(["ood", run, "--operation", bundle, "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "out" / OPERATION_RESULT_NAME).read_text(encoding="utf-8")
    assert json.loads(printed)["kind"] == "edge-nt ood operation"
    for beside in (["--ood", str(tmp_path)], ["--stage", "stage1"]):
        assert main(["ood", run, "--operation", bundle, *beside, "--out", str(tmp_path / "out")]) == 2
    assert "--operation without" in capsys.readouterr().err


def _in_distribution(bundle: Bundle, session: OnnxRuntimeSession, scan: NDArray[np.uint8]) -> bool:
    latents = session.encode(to_unit_range(scan[None]))
    figures = frame_figures(scan[None], latents, np.clip(session.decode(latents)[:, 0], 0.0, 1.0))
    return bool(combined_scores(bundle.ood, figures)[0] <= bundle.ood.threshold)


@pytest.mark.real
@pytest.mark.skipif("EDGE_NT_REAL_DATA" not in os.environ, reason="EDGE_NT_REAL_DATA names no folder of real scans")
def test_a_probe_off_real_scans_is_out_within_a_second_and_recovers_by_the_bundle_that_ships() -> None:
    """Scans of the source site, every event, at two frame rates.

    One that lies above the threshold by itself, as some of any site do, goes out at an event but may rightly stay out.
    """
    bundle = read_bundle(reference_folder() / read_reference().bundles[0].folder)
    session = OnnxRuntimeSession(bundle.encoder_onnx, bundle.decoder_onnx)
    source = Path(os.environ["EDGE_NT_REAL_DATA"], "dataset-for-fetus-framework", "Set1-Training&Validation Sets CNN")
    files = sorted(source.rglob("*.png"))[::150]
    assert len(files) == 6
    scans = [letterbox(decode_image(file).pixels, bundle.manifest.preprocess) for file in files]
    played = [played_scan(scan, bundle.ood, session, np.random.default_rng(k)) for k, scan in enumerate(scans)]
    known = [each for each, scan in zip(played, scans, strict=True) if _in_distribution(bundle, session, scan)]
    assert len(known) >= 5
    for index in range(len(EVENTS)):
        for frames_per_s in (30.0, 10.0):
            to_out = event_figures(played, index, frames_per_s).to_out
            figures = event_figures(known, index, frames_per_s)
            assert figures.scans == len(known)
            assert to_out.never == figures.to_recover.never == 0
            assert (to_out.worst_s or 9) <= 1.0
            assert (figures.to_recover.median_s or 9) <= 1.2
