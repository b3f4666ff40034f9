"""The training recipe: one frozen object, from TOML and flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edge_nt.errors import InputError
from edge_nt.recipes import read_toml

DEFAULT_RECIPE = Path(__file__).with_name("recipe.toml")
_COUNTS = ("batch_size", "stage1_steps", "stage2_steps", "calibration_batches", "validate_every", "checkpoint_every")
_RATES = ("stage1_learning_rate", "stage2_learning_rate")


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the whole-batch augmentation; 0 switches one off. See recipe.toml for their meaning."""

    flip: bool
    scale: float
    shift: float
    gain: float
    gamma: float

    def __post_init__(self) -> None:
        for name in ("scale", "shift", "gain", "gamma"):
            value = getattr(self, name)
            _require(isinstance(value, int | float) and 0 <= value < 1, f"augmentation.{name} in [0, 1)", value)


@dataclass(frozen=True)
class TrainRecipe:
    """Everything that decides a training's result, apart from the data. See recipe.toml for the reasons."""

    seed: int
    batch_size: int
    stage1_steps: int
    stage2_steps: int
    stage1_learning_rate: float
    stage2_learning_rate: float
    warmup_steps: int
    weight_decay: float
    calibration_batches: int
    roi_dilation_px: int
    validate_every: int
    checkpoint_every: int
    augmentation: Augmentation

    def __post_init__(self) -> None:
        for name in _COUNTS:
            value = getattr(self, name)
            _require(isinstance(value, int) and value >= 1, f"{name}, a whole number from 1", value)
        for name in _RATES:
            value = getattr(self, name)
            _require(isinstance(value, float) and 0 < value < 1, f"{name}, a number between 0 and 1", value)
        for name in ("seed", "warmup_steps", "roi_dilation_px"):
            value = getattr(self, name)
            _require(isinstance(value, int) and value >= 0, f"{name}, a whole number from 0", value)
        decay = self.weight_decay
        _require(isinstance(decay, int | float) and 0 <= decay < 1, "weight_decay in [0, 1)", decay)


def read_recipe(path: Path | None, overrides: Mapping[str, Any]) -> TrainRecipe:
    """The recipe file `path` over the shipped defaults, then `overrides` whose value is not None.

    Raises: InputError on an unknown key or a value out of range.
    """
    values = read_toml(DEFAULT_RECIPE)
    if path is not None:
        own = read_toml(path)
        augmentation = own.pop("augmentation", {})
        _require(isinstance(augmentation, dict), "augmentation, a table", augmentation)
        values["augmentation"] |= augmentation
        values |= own
    values |= {name: value for name, value in overrides.items() if value is not None}
    return recipe_from(values)


def recipe_from(values: Mapping[str, Any]) -> TrainRecipe:
    """The recipe with exactly these values, as `asdict` writes them. Raises: InputError on any other key."""
    augmentation = dict(values["augmentation"])
    _refuse_unknown(set(augmentation) - {field.name for field in fields(Augmentation)}, "augmentation.")
    _refuse_unknown(set(values) - {field.name for field in fields(TrainRecipe)}, "")
    return TrainRecipe(**{**values, "augmentation": Augmentation(**augmentation)})


def recipe_values(recipe: TrainRecipe) -> dict[str, Any]:
    """The recipe as plain values, for JSON."""
    return asdict(recipe)


def _refuse_unknown(names: set[str], prefix: str) -> None:
    if names:
        raise InputError(
            expected=f"settings that {DEFAULT_RECIPE.name} has",
            got=", ".join(sorted(prefix + name for name in names)),
            fix="correct the name in the recipe file",
        )


def _require(holds: bool, expected: str, value: object) -> None:
    if not holds:
        raise InputError(expected=expected, got=repr(value), fix="correct the recipe file or the flag")
