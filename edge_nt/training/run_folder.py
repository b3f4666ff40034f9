"""The run folder: `run.json` (what was trained on what), the stages' checkpoints, `log.jsonl` and the resume point."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge_nt.atomic import TEMPORARY_PREFIX, write_json
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.training.recipe import TrainRecipe, recipe_from, recipe_values

SCHEMA_VERSION = 2
_READABLE = (1, SCHEMA_VERSION)


@dataclass(frozen=True)
class RunInfo:
    """What a run was trained on and how; everything later stages need to repeat or check it.

    `data_root` is the dataset folder as the user named it. `structures` are the ROI names, the measured one first.
    `train`, `val` and `held_out` list image files in manifest order. `precision` is ``float32`` or ``bfloat16``.
    `held_out_hospital` names a site, a hospital or hospital:scanner; so do `sources`, empty for every other site.
    `tables` maps manifest.csv and boxes.csv to their SHA-256, and `pictures` is the digest of the images on
    these sides with the preprocessing; both are empty in runs prepared before they were recorded.
    `edge_nt_version` prepared it; empty before that was recorded. `stage1_of` is the SHA-256 of the stage 1 that a
    branched run took over, else None. A run of schema version 1 can be evaluated and exported; its training cannot be
    gone on with, since augmentation was drawn otherwise.
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
    sources: tuple[str, ...] = ()
    stage1_of: str | None = None
    tables: dict[str, str] = field(default_factory=dict)
    pictures: str = ""
    edge_nt_version: str = ""
    schema_version: int = SCHEMA_VERSION


def write_run(run: Path, info: RunInfo) -> None:
    """Write `run.json` into the folder `run`. Raises: InputError when it cannot be written."""
    try:
        write_json(run / "run.json", {**asdict(info), "recipe": recipe_values(info.recipe)})
    except OSError as error:
        raise InputError(
            expected="a run folder that can be written", got=f"{run}: {error.strerror}", fix="name another as --out"
        ) from error


def read_run(run: Path) -> RunInfo:
    """Read `run.json`. Raises: InputError when `run` is no run folder or of another schema version."""
    path = run / "run.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["schema_version"] not in _READABLE:
            raise ValueError("another schema version")
        if values["schema_version"] == 1 and "scale" in values["recipe"]["augmentation"]:
            values["recipe"] = _recipe_of_version_1(values["recipe"])
        for name in ("structures", "train", "val", "held_out"):
            values[name] = tuple(values[name])
        values["sources"] = tuple(values.get("sources", ()))
        values["preprocess"] = Preprocess(**values["preprocess"])
        values["recipe"] = recipe_from(values["recipe"])
        return RunInfo(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            expected=f"a run folder of schema version {' or '.join(map(str, _READABLE))}",
            got=f"{run}: {error}",
            fix="name a folder made by `edge-nt train`",
        ) from error


def refuse_run(run: Path) -> None:
    """Raises: InputError when the folder `run` holds a run already, or weights of one whose run.json is gone."""
    if (run / "run.json").exists():
        raise InputError(
            expected=f"a new run folder {run}",
            got="one that holds a run",
            fix=f"go on with `edge-nt train --resume {run}`, choose another --out, or remove it",
        )
    # A new run would take them for its own, whatever they were trained on.
    weights = [path.name for name in ("stage*.json", "*.safetensors") for path in sorted(run.glob(name))]
    if weights:
        raise InputError(
            expected=f"a new run folder {run}",
            got=f"one with {', '.join(weights)} of a run without run.json",
            fix="choose another --out, or remove the folder",
        )


def _recipe_of_version_1(values: dict[str, Any]) -> dict[str, Any]:
    """The settings of today that say what a run of version 1 did; its sizes and gains were uniform, not log-uniform."""
    augmentation = dict(values["augmentation"])
    scale, gain = augmentation.pop("scale"), augmentation.pop("gain")
    today = {"scale_min": 1 - scale, "scale_max": 1 + scale, "gain": math.log2(1 + gain), "time_gain": 0.0}
    stage2 = {"stage2_terms": ["roi_l1", "roi_edge_l1"], "stage2_weighting": "gradients"}
    return {**values, **stage2, "augmentation": augmentation | today}


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
