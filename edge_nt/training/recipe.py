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
# The terms of stage 2's loss inside the ROI, and how they are weighted.
ROI_L1, ROI_EDGE = ROI_TERMS = ("roi_l1", "roi_edge_l1")
STEP_GRADIENTS, GRADIENTS, EQUAL = "step-gradients", "gradients", "equal"
_WEIGHTINGS = (STEP_GRADIENTS, GRADIENTS, EQUAL)
# What torch takes as a seed.
LARGEST_SEED = 2**63 - 1
_RATES = ("stage1_learning_rate", "stage2_learning_rate")
_MULTIPLES = ("stage2_roi_pull", "matrix_rate", "convolution_rate")
# What settings that came later were before they could be chosen.
_EARLIER: dict[str, Any] = {"stage2_roi_pull": 1.0, "matrix_rate": 3.0, "convolution_rate": 1.0}


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the whole-batch augmentation; 0 switches one off. See recipe.toml for their meaning."""

    flip: bool
    scale_min: float
    scale_max: float
    shift: float
    gain: float
    gamma: float
    time_gain: float

    def __post_init__(self) -> None:
        _require(type(self.flip) is bool, "augmentation.flip, true or false", self.flip)
        for name in ("shift", "gain", "gamma", "time_gain"):
            value = getattr(self, name)
            _require(isinstance(value, int | float) and 0 <= value < 1, f"augmentation.{name} in [0, 1)", value)
        for name in ("scale_min", "scale_max"):
            value = getattr(self, name)
            _require(isinstance(value, int | float) and 0.1 <= value <= 10, f"augmentation.{name} in [0.1, 10]", value)
        _require(self.scale_min <= self.scale_max, "augmentation.scale_min up to scale_max", self.scale_min)


@dataclass(frozen=True)
class TrainRecipe:
    """Everything that decides a training's result, apart from the data. See recipe.toml for the reasons."""

    seed: int
    batch_size: int
    stage1_steps: int
    stage2_steps: int
    stage1_learning_rate: float
    stage2_learning_rate: float
    stage2_terms: tuple[str, ...]
    stage2_weighting: str
    stage2_roi_pull: float
    warmup_steps: int
    weight_decay: float
    matrix_rate: float
    convolution_rate: float
    calibration_batches: int
    roi_dilation_px: int
    roi_l1_dilation_px: int
    validate_every: int
    checkpoint_every: int
    augmentation: Augmentation

    def __post_init__(self) -> None:
        for name in _COUNTS:
            value = getattr(self, name)
            _require(type(value) is int and value >= 1, f"{name}, a whole number from 1", value)
        for name in _RATES:
            value = getattr(self, name)
            _require(isinstance(value, float) and 0 < value < 1, f"{name}, a number between 0 and 1", value)
        for name in ("seed", "warmup_steps"):
            value = getattr(self, name)
            _require(type(value) is int and value >= 0, f"{name}, a whole number from 0", value)
        for name in ("roi_dilation_px", "roi_l1_dilation_px"):
            value = getattr(self, name)
            _require(type(value) is int and 0 <= value <= 1000, f"{name}, a whole number from 0 to 1,000", value)
        _require(self.seed <= LARGEST_SEED, f"seed up to {LARGEST_SEED}", self.seed)
        terms = self.stage2_terms
        known = all(term in ROI_TERMS and terms.count(term) == 1 for term in terms)
        _require(known, f"stage2_terms, a list of some of {ROI_L1} and {ROI_EDGE}", terms)
        weighting = self.stage2_weighting
        _require(weighting in _WEIGHTINGS, f"stage2_weighting, one of {', '.join(_WEIGHTINGS)}", weighting)
        for name in _MULTIPLES:
            value = getattr(self, name)
            _require(type(value) in (int, float) and 0 < value <= 100, f"{name}, above 0 and up to 100", value)
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
    """The recipe with exactly these values, as `asdict` writes them. Raises: InputError on any other key.

    Those of earlier versions, which lack some, mean what they meant.
    """
    # Both terms had one region then.
    values = {"roi_l1_dilation_px": values.get("roi_dilation_px"), **_EARLIER, **values}
    _refuse_missing({field.name for field in fields(TrainRecipe)} - set(values))
    augmentation = dict(values["augmentation"])
    terms = values["stage2_terms"]
    _require(isinstance(terms, list | tuple), "stage2_terms, a list", terms)
    _refuse_unknown(set(augmentation) - {field.name for field in fields(Augmentation)}, "augmentation.")
    _refuse_unknown(set(values) - {field.name for field in fields(TrainRecipe)}, "")
    own = {"stage2_terms": tuple(terms), "augmentation": Augmentation(**augmentation)}
    return TrainRecipe(**{**values, **own})


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


def _refuse_missing(names: set[str]) -> None:
    if names:
        raise InputError(
            expected=f"every setting that {DEFAULT_RECIPE.name} has",
            got=f"none called {', '.join(sorted(names))}",
            fix="restore the file that lacks them, or begin anew",
        )


def _require(holds: bool, expected: str, value: object) -> None:
    if not holds:
        raise InputError(expected=expected, got=repr(value), fix="correct the recipe file or the flag")
