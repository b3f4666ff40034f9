"""Two-stage training of a run folder: prepare it once, then train it, as often interrupted as life wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from edge_nt.datasets.dataset import Dataset, read_dataset
from edge_nt.datasets.hospital_split import HospitalSplit, split_by_hospital
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.training.batches import frame_set
from edge_nt.training.checkpoint import RESUME_FILE, load_model, read_progress, save_model
from edge_nt.training.device import pick_device, pick_precision
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.run_folder import RunInfo, read_run, write_run
from edge_nt.training.run_frames import read_run_frames
from edge_nt.training.run_log import RunLog
from edge_nt.training.stage import StageSetting, train_stage


def prepare_run(
    run: Path,
    data_root: Path,
    *,
    held_out: str,
    structures: tuple[str, ...],
    preprocess: Preprocess,
    recipe: TrainRecipe,
    device: str = "auto",
    precision: str = "auto",
) -> RunInfo:
    """Check the data and the split, and write `run.json` into the new folder `run`.

    Raises: InputError when the folder holds a run already, or the data cannot be used; LeakageError when a patient
    stands on two sides of the split.
    """
    if (run / "run.json").exists():
        raise InputError(
            expected=f"a new run folder {run}",
            got="one that holds a run",
            fix=f"choose another --out, or go on with `edge-nt train --resume {run}`",
        )
    dataset = read_dataset(data_root)
    split = split_by_hospital(dataset, held_out)
    _refuse_absent_structures(dataset, split, structures)
    torch_device = pick_device(device)
    info = RunInfo(
        data_root=str(data_root),
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        held_out_hospital=held_out,
        structures=structures,
        preprocess=preprocess,
        recipe=recipe,
        device=torch_device.type,
        precision=pick_precision(precision, torch_device),
        threads=torch.get_num_threads(),
        torch_version=torch.__version__,
        train=tuple(row.file for row in split.train),
        val=tuple(row.file for row in split.val),
        held_out=tuple(row.file for row in split.held_out),
    )
    write_run(run, info)
    return info


def train_run(
    run: Path,
    *,
    on_frame: Callable[[], None] | None = None,
    on_step: Callable[[int, int, float], None] = lambda _stage, _step, _loss: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train both stages of a prepared run, from its resume point where it has one.

    `on_frame` is called per frame decoded into the cache, `on_step` with stage, step and loss after each step.
    Raises: LeakageError when one picture stands on two sides of the split, or the rows changed since the run was
    prepared; TrainingStoppedError after `should_stop` said so and the resume point is written.
    """
    info = read_run(run)
    torch.set_num_threads(info.threads)
    source = read_run_frames(info, None, on_frame)
    setting = StageSetting(
        stage=1,
        run=run,
        recipe=info.recipe,
        train=frame_set(source, source.split.train),
        val=frame_set(source, source.split.val),
        device=pick_device(info.device),
        precision=info.precision,
        on_step=on_step,
        should_stop=should_stop,
    )
    torch.manual_seed(info.recipe.seed)
    model = AutoEncoder(info.preprocess.height, info.preprocess.width)
    for stage in (1, 2):
        model = _finish_stage(replace(setting, stage=stage), model)
    (run / RESUME_FILE).unlink(missing_ok=True)


def _finish_stage(setting: StageSetting, model: AutoEncoder) -> AutoEncoder:
    """The model after the stage: loaded where the stage is finished, else trained and saved."""
    if not (setting.run / f"{setting.name}.json").is_file():
        progress = read_progress(setting.run)
        start = progress if progress is not None and progress.stage == setting.name else None
        log = RunLog(setting.run / "log.jsonl")
        # A stage that starts afresh keeps the log up to the end of the stage before.
        log.rewind(setting.stage, start.step) if start else log.rewind(setting.stage - 1, setting.recipe.stage1_steps)
        model.to(setting.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        save_model(setting.run, setting.name, model, train_stage(setting, model, log, start))
    return load_model(setting.run, setting.name)


def _refuse_absent_structures(dataset: Dataset, split: HospitalSplit, structures: tuple[str, ...]) -> None:
    for structure in structures:
        for name, rows in (("training", split.train), ("validation", split.val)):
            if not any(dataset.roi(row, structure) for row in rows):
                known = sorted({box.roi.structure for boxes in dataset.boxes.values() for box in boxes})
                raise InputError(
                    expected=f"boxes of {structure!r} among the {name} rows",
                    got=f"none; boxes.csv has {', '.join(known) or 'no boxes'}",
                    fix="name one of these as --roi",
                )
