"""The run folder: `run.json` (what was trained on what), the stages' checkpoints, `log.jsonl` and the resume point."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_nt.atomic import TEMPORARY_PREFIX, write_json
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.training.recipe import TrainRecipe, recipe_from, recipe_values

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class RunInfo:
    """What a run was trained on and how; everything later stages need to repeat or check it.

    `data_root` is the dataset folder as the user named it. `structures` are the ROI names, the measured one first.
    `train`, `val` and `held_out` list image files in manifest order. `precision` is ``float32`` or ``bfloat16``.
    """

    data_root: str
    dataset: str
    synthetic: bool
    held_out_hospital: str
    structures: tuple[str, ...]
    preprocess: Preprocess
    recipe: TrainRecipe
    device: str
    precision: str
    threads: int
    torch_version: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    held_out: tuple[str, ...]


def write_run(run: Path, info: RunInfo) -> None:
    """Write `run.json` into the folder `run`."""
    values: dict[str, Any] = {**asdict(info), "recipe": recipe_values(info.recipe), "schema_version": SCHEMA_VERSION}
    write_json(run / "run.json", values)


def read_run(run: Path) -> RunInfo:
    """Read `run.json`. Raises: InputError when `run` is no run folder or of another schema version."""
    path = run / "run.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("schema_version") != SCHEMA_VERSION:
            raise ValueError("another schema version")
        for name in ("structures", "train", "val", "held_out"):
            values[name] = tuple(values[name])
        values["preprocess"] = Preprocess(**values["preprocess"])
        values["recipe"] = recipe_from(values["recipe"])
        return RunInfo(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            expected=f"a run folder of schema version {SCHEMA_VERSION}",
            got=f"{run}: {error}",
            fix="name a folder made by `edge-nt train`",
        ) from error


def newest_run(root: Path) -> Path:
    """The most recently finished run under `root`. Raises: InputError when there is none."""
    finished = [path.parent for path in root.glob("*/stage2.json") if not path.parent.name.startswith(TEMPORARY_PREFIX)]
    if not finished:
        raise InputError(
            expected=f"a finished run under {root}",
            got="none",
            fix="train one with `edge-nt train`, or name its folder",
        )
    return max(finished, key=lambda run: ((run / "stage2.json").stat().st_mtime_ns, run.name))
