"""How the training tests make a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_nt.imaging.letterbox import Preprocess
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.train import prepare_run


def prepared(run: Path, data: Path, recipe: TrainRecipe, **changes: Any) -> Path:
    """The run folder `run`: small frames, NT, phantom-c held out; `changes` are arguments of `prepare_run`."""
    settings = {"held_out": "phantom-c", "structures": ("NT",), "preprocess": Preprocess(192, 192), "recipe": recipe}
    prepare_run(run, data, **{**settings, **changes})
    return run
