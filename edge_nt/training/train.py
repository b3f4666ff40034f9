"""Two-stage training of a run folder: prepare it once, then train it, as often interrupted as life wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch

import edge_nt
from edge_nt.datasets.dataset import read_dataset
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.datasets.hospital_split import check_structures, refuse_larger_batch, split_by_hospital
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.process_lock import process_lock
from edge_nt.training.batches import frame_set
from edge_nt.training.checkpoint import RESUME_FILE, load_model, read_progress, save_model
from edge_nt.training.device import pick_device, pick_precision
from edge_nt.training.fleet import Fleet, assemble
from edge_nt.training.launch import Processes
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.run_folder import SCHEMA_VERSION, RunInfo, read_run, refuse_run, write_run
from edge_nt.training.run_frames import RunFrames, network_rois, read_run_frames, refuse_changed_data, used_pictures
from edge_nt.training.run_log import RunLog
from edge_nt.training.stage import StageSetting, train_stage
from edge_nt.training.waiting import Waiting, note_waiting, read_waiting

# Hidden: it means nothing without a process that holds it.
_LOCK_FILE = ".training.lock"


def prepare_run(
    run: Path,
    data_root: Path,
    *,
    held_out: str,
    structures: tuple[str, ...],
    preprocess: Preprocess,
    recipe: TrainRecipe,
    sources: tuple[str, ...] = (),
    device: str = "auto",
    precision: str = "auto",
    on_frame: Callable[[int, int], None] = lambda _done, _total: None,
) -> RunInfo:
    """Check the data and the split, and write `run.json` into the new folder `run`; frames are cached meanwhile.

    `held_out` and `sources` name sites, hospitals or hospital:scanner; without sources, every other site trains.
    `on_frame` is called per frame that is decoded, with how many are, and of how many.
    Raises: InputError when the folder holds a run already, the data cannot be used, a region lies outside its image,
    or a batch has more frames than the training rows; LeakageError when a patient or a picture stands on two sides of
    the split.
    """
    refuse_run(run)
    dataset = read_dataset(data_root)
    split = split_by_hospital(dataset, held_out, sources)
    check_structures(dataset, split, structures)
    refuse_larger_batch(recipe.batch_size, split)
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
        sources=sources,
        tables=dataset_tables(data_root),
        pictures=used_pictures(dataset, split, preprocess),
        edge_nt_version=edge_nt.__version__,
    )
    decoded = count(1)
    _refuse_outside(read_run_frames(info, None, lambda: on_frame(next(decoded), len(dataset.rows))))
    write_run(run, info)
    return info


def train_run(
    run: Path,
    *,
    stages: tuple[int, ...] = (1, 2),
    data_root: Path | None = None,
    together: Processes = Processes(),
    on_frame: Callable[[], None] | None = None,
    on_step: Callable[[int, int, float], None] = lambda _stage, _step, _loss: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Mapping[str, Waiting]:
    """Train the `stages` of a prepared run, from its resume point where it has one; stage 2 alone needs a finished 1.

    `data_root` is where the dataset lies now, where it has moved. This process is one of those that train `together`;
    all call this. Returns for each stage that was trained how long its steps waited for their batches, those before
    its resume point too, as timing.json of the run says.
    `on_frame` is called per frame decoded into the cache, `on_step` with stage, step and loss after each step.
    Raises: InputError when another process trains the run, the stage before the first one is not finished, the data
    changed since the run was prepared, a region lies outside its image, or the loss is no longer finite; LeakageError
    when one picture stands on two sides of the split, or the rows changed; TrainingStoppedError after `should_stop`
    said so and the resume point is written.
    """
    info = read_run(run)
    _refuse_older(run, info)
    # What is finished needs no GPU: a study scores it wherever it is.
    left = any(not (run / f"stage{stage}.json").is_file() for stage in stages)
    device = pick_device(info.device if left else "cpu", f"go on with {run} on a machine with a GPU, or train anew")
    fleet = assemble(device, info.precision, info.recipe.batch_size, together.here, together.nodes)
    torch.set_num_threads(max(1, info.threads // together.here))
    with _run_to_itself(run, fleet):
        source = _frames(info, fleet, data_root, on_frame)
        setting = StageSetting(
            stage=1,
            run=run,
            recipe=info.recipe,
            train=frame_set(source, source.split.train),
            val=frame_set(source, source.split.val),
            device=device,
            on_step=on_step,
            should_stop=should_stop,
        )
        torch.manual_seed(info.recipe.seed)
        model = AutoEncoder(info.preprocess.height, info.preprocess.width)
        waiting: dict[str, Waiting] = {}
        for stage in range(1, max(stages) + 1):
            if stage in stages:
                waiting |= _finish_stage(replace(setting, stage=stage), fleet, model)
            model = load_model(run, f"stage{stage}")
        if fleet.leads:
            (run / RESUME_FILE).unlink(missing_ok=True)
        return waiting


@contextmanager
def _run_to_itself(run: Path, fleet: Fleet) -> Iterator[None]:
    """No other training of this run, for as long as the block lasts. Raises: InputError when there is one."""
    with ExitStack() as held:
        # Two trainings would both go on from one resume point, and write their logs into one another.
        alone = held.enter_context(process_lock(run / _LOCK_FILE)) if fleet.leads else True
        if not fleet.shared(alone):
            raise InputError(
                expected=f"no other training of {run}", got="one that is running", fix="wait for it, or stop it"
            )
        yield


def _frames(info: RunInfo, fleet: Fleet, data_root: Path | None, on_frame: Callable[[], None] | None) -> RunFrames:
    """The run's frames, as it was prepared with them, every region inside its image."""
    with fleet.leader_first():
        source = read_run_frames(info, data_root, on_frame)
    refuse_changed_data(source)
    _refuse_outside(source)  # again: an earlier version prepared runs without
    return source


def _refuse_outside(source: RunFrames) -> None:
    """Raises: InputError for a region outside its image, of those that training takes or evaluation measures."""
    network_rois(source, (*source.split.train, *source.split.val), every=True)
    # Training sees none of the held-out site, and evaluating it would end at one outside its image: better said now.
    network_rois(source, source.split.held_out)


def _finish_stage(setting: StageSetting, fleet: Fleet, model: AutoEncoder) -> dict[str, Waiting]:
    """Train and save the stage, unless it is finished; how long its steps waited for data, where it was trained."""
    waiting: dict[str, Waiting] = {}
    # One process looks, lest another looks when a file has already changed.
    finished, progress = fleet.shared(
        ((setting.run / f"{setting.name}.json").is_file(), read_progress(setting.run)) if fleet.leads else (True, None)
    )
    if not finished:
        start = progress if progress is not None and progress.stage == setting.name else None
        log = RunLog(setting.run / "log.jsonl", writes=fleet.leads)
        # A stage that starts afresh keeps the log up to the end of the stage before.
        log.rewind(setting.stage, start.step) if start else log.rewind(setting.stage - 1, setting.recipe.stage1_steps)
        model.to(fleet.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        waited = read_waiting(setting.run, setting.name) if start else None
        waiting[setting.name] = waited or Waiting()
        try:
            facts = train_stage(setting, fleet, model, log, start, waiting=waiting[setting.name])
        finally:
            if fleet.leads:
                note_waiting(setting.run, setting.name, waiting[setting.name])
        if fleet.leads:
            save_model(setting.run, setting.name, model, facts)
        fleet.meet()  # The others load what the leading one saved.
    return waiting


def _refuse_older(run: Path, info: RunInfo) -> None:
    if info.schema_version != SCHEMA_VERSION:
        raise InputError(
            expected=f"a run of schema version {SCHEMA_VERSION} to train",
            got=f"version {info.schema_version} in {run}",
            fix="finish it with the edge-nt version that began it, or train anew; a finished one can be evaluated",
        )
