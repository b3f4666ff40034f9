"""Run folders that take over finished stages of another run, for another stage 2 or other structures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from edge_nt.atomic import atomic_file, atomic_folder, write_json, write_text
from edge_nt.errors import InputError
from edge_nt.training.checkpoint import load_model, read_facts
from edge_nt.training.device import pick_device
from edge_nt.training.recipe import ROI_EDGE, ROI_L1, TrainRecipe
from edge_nt.training.run_folder import RunInfo, read_run, refuse_run, write_run
from edge_nt.training.run_log import read_log

# What stage 1 does not depend on, beside every setting whose name begins with stage2_.
_OTHER_STAGE2_SETTINGS = (
    "calibration_batches",
    "roi_dilation_px",
    "roi_l1_dilation_px",
    "validate_every",
    "checkpoint_every",
)
# What a stage 2 without terms inside the region does not depend on, beside these: they weigh and shape such terms.
_SHAPES_OF_TERMS = ("stage2_weighting", "stage2_roi_pull", *_OTHER_STAGE2_SETTINGS)


def branch_run(
    base: Path,
    run: Path,
    recipe: TrainRecipe,
    *,
    structures: tuple[str, ...] | None = None,
    data_root: Path | None = None,
    device: str | None = None,
) -> RunInfo:
    """Make the new run folder `run`, whose stage 1 is the finished one of `base`, for another stage 2.

    `recipe` may differ from the base's only in what stage 1 does not depend on. So may `structures`, which the caller
    has checked to be in the dataset: stage 1 learns the whole image; what it was validated on inside the base's
    structures stays behind. `data_root` is where the dataset lies now, where that is another place, and `device` what
    to train stage 2 on, with this torch; None for a stage 1 that is taken over as it is. The precision stays that of
    the base, so that what branches from one stage 1 compares.
    Raises: InputError when `run` holds a run already, the base's stage 1 is not finished or not the file that was
    written, or the recipe would have given another stage 1.
    """
    source = read_run(base)
    refuse_another_stage1(source.recipe, recipe)
    facts = read_facts(base, "stage1")
    info = replace(
        source,
        data_root=source.data_root if data_root is None else str(data_root),
        recipe=recipe,
        structures=structures or source.structures,
        stage1_of=str(facts["sha256"]),
        device=source.device if device is None else pick_device(device).type,
        torch_version=source.torch_version if device is None else torch.__version__,
    )
    _take_stages(base, run, info, (1,))
    return info


def copy_control(
    base: Path, run: Path, recipe: TrainRecipe, *, structures: tuple[str, ...], data_root: Path
) -> RunInfo:
    """Make the new run folder `run` of both stages of `base`, a finished stage 1 continued, for other structures.

    No step of it looked inside a region: only what it was validated on there stays behind.
    Raises: InputError as `branch_run`, also for stage 2, and where `same_control` says no.
    """
    source = read_run(base)
    if not same_control(source.recipe, recipe):
        raise InputError(
            expected=f"a recipe that gives the control in {base}", got="another", fix="train a run of its own for it"
        )
    info = replace(source, data_root=str(data_root), recipe=recipe, structures=structures)
    _take_stages(base, run, info, (1, 2))
    return info


def refuse_another_stage1(base: TrainRecipe, recipe: TrainRecipe) -> None:
    """Raises: InputError when `recipe` differs from `base` in what stage 1 depends on."""
    changed = [name for name in _changed(base, recipe) if not _of_stage2(name)]
    if changed:
        raise InputError(
            expected="a recipe that gives the same stage 1",
            got=f"another {', '.join(changed)}",
            fix="train a run of its own for it",
        )


def same_control(base: TrainRecipe, recipe: TrainRecipe) -> bool:
    """Whether both recipes have a stage 2 without terms inside the region, and the same one."""
    return not (base.stage2_terms or recipe.stage2_terms or set(_changed(base, recipe)) - set(_SHAPES_OF_TERMS))


def _changed(base: TrainRecipe, recipe: TrainRecipe) -> list[str]:
    return [field.name for field in fields(TrainRecipe) if getattr(base, field.name) != getattr(recipe, field.name)]


def _of_stage2(setting: str) -> bool:
    return setting.startswith("stage2_") or setting in _OTHER_STAGE2_SETTINGS


def _take_stages(base: Path, run: Path, info: RunInfo, stages: tuple[int, ...]) -> None:
    """Take the finished `stages` of `base` over into the new run folder, which is whole or absent."""
    refuse_run(run)
    if run.is_dir() and any(run.iterdir()):
        raise InputError(expected=f"a new or empty folder {run}", got="files in it", fix="remove it")
    for stage in stages:
        load_model(base, f"stage{stage}")  # Refuses a stage that is not finished, or not the file that was written.
    kept = _as_it_is if info.structures == read_run(base).structures else _without_regions
    log = [kept(line) for line in read_log(base / "log.jsonl") if line["stage"] in stages]
    with atomic_folder(run) as folder:
        write_text(folder / "log.jsonl", "".join(json.dumps(line) + "\n" for line in log))
        for stage in stages:
            facts = read_facts(base, f"stage{stage}")
            _take_over(base / f"stage{stage}.safetensors", folder / f"stage{stage}.safetensors")
            write_json(folder / f"stage{stage}.json", {**facts, "validation": kept(facts["validation"])})
        write_run(folder, info)


def _as_it_is(figures: Mapping[str, Any]) -> Mapping[str, Any]:
    return figures


def _without_regions(figures: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: figure for name, figure in figures.items() if name not in (ROI_L1, ROI_EDGE)}


def _take_over(source: Path, target: Path) -> None:
    """The same file under another name, without a second copy on the disk where the file system can."""
    try:
        # Files of a run are replaced and never written into, so that a shared one cannot change.
        target.hardlink_to(source)
    except OSError:
        with atomic_file(target) as temporary:
            shutil.copyfile(source, temporary)
