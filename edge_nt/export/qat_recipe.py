"""The recipe of quantisation-aware fine-tuning, read from TOML."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from edge_nt.errors import InputError
from edge_nt.recipes import check_keys, default_path, read_toml

QAT_RECIPE = "export/qat.toml"


@dataclass(frozen=True)
class QatRecipe:
    """How far and how fast INT8 weights are fine-tuned; the shipped file says why each value is what it is."""

    steps: int
    batch_size: int
    learning_rate: float
    range_learning_rate: float
    warmup_steps: int
    stage2_weight: float
    reference_weight: float

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("warmup_steps", 0)):
            value = getattr(self, name)
            _require(type(value) is int and value >= least, f"{name}, a whole number from {least}", value)
        for name in ("learning_rate", "range_learning_rate"):
            rate = getattr(self, name)
            _require(type(rate) is float and 0 < rate < 1, f"{name}, a number between 0 and 1", rate)
        weights = (self.stage2_weight, self.reference_weight)
        numbers = all(type(weight) in (int, float) and 0 <= weight < float("inf") for weight in weights)
        _require(numbers and max(weights) > 0, "stage2_weight and reference_weight from 0, one of them above", weights)


def read_qat_recipe(path: Path | None = None, steps: int | None = None) -> QatRecipe:
    """The recipe in `path`, or the shipped `export/qat.toml`, with `steps` in place of its own where given.

    Raises: InputError on an unknown or missing key, or a value out of range.
    """
    source = default_path(QAT_RECIPE) if path is None else path
    names = {field.name for field in fields(QatRecipe)}
    recipe = QatRecipe(**check_keys(read_toml(source), names, source, "the file"))
    return recipe if steps is None else replace(recipe, steps=steps)


def _require(holds: bool, expected: str, value: object) -> None:
    if not holds:
        raise InputError(
            expected=f"in the fine-tuning recipe {expected}", got=repr(value), fix="correct the recipe or the flag"
        )
