"""OOD protocols of a run: which frames each score rejects, stage by stage, into one folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edge_nt
from edge_nt.atomic import atomic_file
from edge_nt.bundle.output_file import check_output_folder
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.datasets.site import scanner_site
from edge_nt.evaluation.ood_frames import FrameSet, frame_count, frame_sets, read_folders
from edge_nt.evaluation.ood_panel import draw_rejections
from edge_nt.evaluation.ood_result import (
    OOD_RESULT_NAME,
    OodReport,
    Protocol,
    ScoreFigures,
    ScoreSetting,
    StageProtocols,
)
from edge_nt.evaluation.ood_scores import (
    DEFAULT_SCORE,
    MEANINGS,
    FittedScores,
    Scores,
    SourceFigures,
    fit_scores,
    names_of,
)
from edge_nt.evaluation.ood_tables import report_markdown
from edge_nt.evaluation.panel import write_panel
from edge_nt.evaluation.stage_pass import reconstruct
from edge_nt.metrics.roc import bootstrap_auroc, bootstrap_fpr_at_tpr, keep_threshold
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.ood.combined import FrameFigures, frame_figures, joined_figures
from edge_nt.results import now_utc, write_result
from edge_nt.training.checkpoint import load_model, read_facts
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import RunFrames, frames_of, read_run_frames, refuse_changed_data

KEPT_SHARE = 0.95
PANEL_NAME = "ood-panel.png"
MARKDOWN_NAME = "ood.md"
_BATCH = 32

OnFrames = Callable[[int], None]


def measure_ood(
    run: Path,
    data_root: Path | None,
    *,
    folders: Sequence[Path] = (),
    out: Path,
    stages: Sequence[str] = ("stage1", "stage2"),
    seed: int = 0,
    on_frames: Callable[[int, int], None] = lambda _done, _total: None,
) -> OodReport:
    """Measure every OOD score of `stages` of `run` on every protocol, and write `out`.

    `folders` hold images of something else; `on_frames` gets frames done and in all. Writes the panel (of the last
    stage), the table, and then ood.json, so that the JSON stands for a complete folder.
    Raises: InputError when the run is unfinished, an image cannot be read or is not the run's; LeakageError when the
    dataset's rows are not the run's.
    """
    check_output_folder(out)
    source = read_run_frames(read_run(run), data_root)
    tables = dataset_tables(source.dataset.root)
    refuse_changed_data(source, tables=False)
    others = read_folders(folders, source)
    total, done = frame_count(source, others) * len(stages), 0

    def tick(frames: int) -> None:
        nonlocal done
        done += frames
        on_frames(done, total)

    models = {stage: load_model(run, stage) for stage in stages}
    fitted = {stage: _fit(model, source, tick) for stage, model in models.items()}
    measured = []
    for stage, model in models.items():
        sets = frame_sets(source, others, seed)
        measured.append(_measure(stage, model, fitted[stage], sets, seed=seed, on_frames=tick))
    panel = draw_rejections(fitted[stages[-1]].model, models[stages[-1]], source, others, seed)
    report = _report(run, source, tuple(measured), seed, tables)
    _write(out, report, panel)
    return report


def _report(
    run: Path, source: RunFrames, stages: tuple[StageProtocols, ...], seed: int, tables: dict[str, str]
) -> OodReport:
    return OodReport(
        edge_nt_version=edge_nt.__version__,
        measured_utc=now_utc(),
        run=run.resolve().name,
        checkpoint_sha256={each.stage: str(read_facts(run, each.stage)["sha256"]) for each in stages},
        dataset=source.info.dataset,
        synthetic=source.dataset.synthetic,
        held_out_hospital=source.info.held_out_hospital,
        seed=seed,
        kept_share=KEPT_SHARE,
        default=DEFAULT_SCORE,
        stages=stages,
        panels=(PANEL_NAME,),
        dataset_tables=tables,
    )


def encoded(model: AutoEncoder, frames: NDArray[np.uint8], on_frames: OnFrames) -> FrameFigures:
    """What is scored of frames uint8 (N, H, W); `on_frames` gets the size of every batch."""
    parts = []
    for first in range(0, len(frames), _BATCH):
        batch = frames[first : first + _BATCH]
        parts.append(frame_figures(batch, *reconstruct(model, batch)))
        on_frames(len(batch))
    return joined_figures(parts)


def _fit(model: AutoEncoder, source: RunFrames, on_frames: OnFrames) -> FittedScores:
    rows = source.split.train
    training = encoded(model, frames_of(source, rows), on_frames)
    validation = encoded(model, frames_of(source, source.split.val), on_frames)
    sites = tuple(source.split.site_of(row) for row in rows)
    scanners = tuple(map(scanner_site, rows))
    patients = tuple(row.patient for row in source.split.val)
    fitted_on = SourceFigures(training.latents, training.signals, sites, scanners, validation, patients)
    return fit_scores(fitted_on, KEPT_SHARE)


def _measure(
    stage: str,
    model: AutoEncoder,
    fitted: FittedScores,
    sets: Iterable[FrameSet],
    *,
    seed: int,
    on_frames: OnFrames,
) -> StageProtocols:
    protocols = tuple(
        Protocol(
            each.name,
            each.family,
            each.level,
            each.unit,
            len(each.frames),
            _figures(fitted, fitted.of(encoded(model, each.frames, on_frames)), seed),
        )
        for each in sets
    )
    settings = tuple(_setting(name, fitted.inside[name], protocols) for name in names_of(fitted.inside))
    best = max(settings, key=lambda setting: setting.source_auroc).score
    source = fitted.source
    return StageProtocols(stage, len(source.latents), len(source.validation.errors), settings, best, protocols)


def _figures(fitted: FittedScores, outside: dict[str, Scores], seed: int) -> tuple[ScoreFigures, ...]:
    found = []
    for name in names_of(fitted.inside):
        inside, scores = fitted.inside[name], outside[name]
        found.append(
            ScoreFigures(
                name,
                bootstrap_auroc(inside, scores, seed=seed),
                bootstrap_fpr_at_tpr(inside, scores, KEPT_SHARE, seed=seed),
                float(np.mean(scores > keep_threshold(inside, KEPT_SHARE))),
            )
        )
    return tuple(found)


def _setting(name: str, inside: Scores, protocols: tuple[Protocol, ...]) -> ScoreSetting:
    graded = [
        figures
        for protocol in protocols
        if protocol.family == "corruption"
        for figures in protocol.figures
        if figures.score == name
    ]
    threshold = keep_threshold(inside, KEPT_SHARE)
    return ScoreSetting(
        name,
        MEANINGS[name],
        threshold,
        float(np.mean(inside > threshold)),
        float(np.mean([figures.auroc.estimate for figures in graded])),
        float(np.mean([figures.flagged_share for figures in graded])),
    )


def _write(out: Path, report: OodReport, panel: NDArray[np.uint8]) -> None:
    (out / OOD_RESULT_NAME).unlink(missing_ok=True)
    write_panel(out / PANEL_NAME, panel)
    with atomic_file(out / MARKDOWN_NAME) as temporary:
        temporary.write_text(report_markdown(report), encoding="utf-8")
    write_result(out / OOD_RESULT_NAME, report)
