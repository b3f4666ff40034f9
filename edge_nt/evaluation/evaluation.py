"""Evaluation of a run: both stages, by split and hospital, with OOD figures and panels, into one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edge_nt
from edge_nt.bundle.output_file import check_output_folder
from edge_nt.datasets.dataset import Row
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.evaluation.evaluation_result import RESULTS_NAME, Evaluation, StageOod
from edge_nt.evaluation.examples import draw_examples
from edge_nt.evaluation.ood_evaluation import Latents, evaluate_ood, read_ood_folders
from edge_nt.evaluation.stage_pass import StagePass, encode_frames, score_frames
from edge_nt.evaluation.summary import HELD_OUT, SOURCE_VALIDATION, ImageRecord, summarise
from edge_nt.results import now_utc, write_result
from edge_nt.training.checkpoint import load_model, read_facts
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import RunFrames, frames_of, network_rois, read_run_frames, refuse_changed_data

STAGES = ("stage1", "stage2")
DEFAULT_BATCH_SIZE = 32

Frames = NDArray[np.uint8]


def evaluate_run(
    run: Path,
    data_root: Path | None,
    *,
    ood_folders: Sequence[Path] = (),
    out: Path,
    batch_size: int = DEFAULT_BATCH_SIZE,
    on_frame: Callable[[int, int], None] = lambda _done, _total: None,
) -> Evaluation:
    """Measure both stages of `run` on source validation and the held-out hospital, and write `out`.

    `data_root` is needed where the dataset has moved since training. `on_frame` gets frames done and in all. Writes
    panels and then evaluation.json, so that the JSON stands for a complete folder.
    Raises: InputError when the run is unfinished, an image cannot be read or is not the run's; LeakageError when the
    dataset's rows are not the run's.
    """
    check_output_folder(out)
    info = read_run(run)
    digests = {stage: str(read_facts(run, stage)["sha256"]) for stage in STAGES}
    source = read_run_frames(info, data_root)
    refuse_changed_data(source, tables=False)
    folders, tables = read_ood_folders(ood_folders, info.preprocess), dataset_tables(source.dataset.root)
    tick = _ticker(source, folders, on_frame)
    measured = {
        stage: _measure_stage(run, stage, source, folders, batch_size=batch_size, on_frame=tick) for stage in STAGES
    }
    records = _records(source, measured)
    (out / RESULTS_NAME).unlink(missing_ok=True)  # It stands for a complete folder.
    evaluation = Evaluation(
        edge_nt_version=edge_nt.__version__,
        measured_utc=now_utc(),
        run=run.resolve().name,
        checkpoint_sha256=digests,
        dataset=info.dataset,
        synthetic=source.dataset.synthetic,
        structures=info.structures,
        held_out_hospital=info.held_out_hospital,
        groups=summarise(records, info.structures),
        ood=tuple(measured[stage].ood for stage in STAGES),
        panels=draw_examples(run, source, records, out),
        images=records,
        dataset_tables=tables,
        pictures=info.pictures,
    )
    write_result(out / RESULTS_NAME, evaluation)
    return evaluation


@dataclass(frozen=True)
class _StageMeasured:
    validation: StagePass
    held_out: StagePass
    ood: StageOod


def _measure_stage(
    run: Path,
    stage: str,
    source: RunFrames,
    folders: Mapping[str, Frames],
    *,
    batch_size: int,
    on_frame: Callable[[], None],
) -> _StageMeasured:
    model = load_model(run, stage)

    def scored(rows: tuple[Row, ...]) -> StagePass:
        frames, rois = frames_of(source, rows), network_rois(source, rows)
        return score_frames(model, frames, rois, batch_size=batch_size, on_frame=on_frame)

    def encoded(frames: Frames) -> Latents:
        return encode_frames(model, frames, batch_size=batch_size, on_frame=on_frame)

    validation, held_out = scored(source.split.val), scored(source.split.held_out)
    training = encoded(frames_of(source, source.split.train))
    others = {f"hospital {source.info.held_out_hospital}": held_out.latents}
    others |= {f"folder {name}": encoded(frames) for name, frames in folders.items()}
    hospitals = [source.split.site_of(row) for row in source.split.train]
    ood = evaluate_ood(stage, training, hospitals, validation.latents, others)
    return _StageMeasured(validation, held_out, ood)


def _records(source: RunFrames, measured: Mapping[str, _StageMeasured]) -> tuple[ImageRecord, ...]:
    first, second = (measured[stage] for stage in STAGES)
    sides = (
        (SOURCE_VALIDATION, source.split.val, first.validation, second.validation),
        (HELD_OUT, source.split.held_out, first.held_out, second.held_out),
    )
    return tuple(
        ImageRecord(row.file, source.split.site_of(row), split, before, after)
        for split, rows, stage1, stage2 in sides
        for row, before, after in zip(rows, stage1.metrics, stage2.metrics, strict=True)
    )


def _ticker(
    source: RunFrames, folders: Mapping[str, Frames], on_frame: Callable[[int, int], None]
) -> Callable[[], None]:
    split = source.split
    scored = len(split.train) + len(split.val) + len(split.held_out)
    each = scored + sum(len(frames) for frames in folders.values())
    total, done = each * len(STAGES), 0

    def tick() -> None:
        nonlocal done
        done += 1
        on_frame(done, total)

    return tick
