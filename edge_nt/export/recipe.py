"""The export recipe: precision, opset and, for INT8, how ranges are fitted; read from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from edge_nt.bundle.manifest import FLOAT_TYPES, PRECISIONS, FloatType, Precision, Target
from edge_nt.errors import InputError
from edge_nt.export.calibrators import AUTO, CALIBRATORS
from edge_nt.recipes import default_path, read_toml

# torch's exporter writes 18 and converts to others; TensorRT 10.3's parser reads up to 20.
OPSETS = (18, 19, 20)
# The first whose QuantizeLinear and DequantizeLinear take scales in FP16.
_HALF_SCALES_OPSET = 19


@dataclass(frozen=True)
class Int8Recipe:
    """How INT8 ranges are fitted and on how many images, which ``graph/layer`` stays in float, and in which float
    type TensorRT's graphs are between their integers.
    """

    calibrator: str
    calibration_images: int
    float_layers: tuple[str, ...]
    tensorrt_float_type: FloatType = "fp16"

    def __post_init__(self) -> None:
        names = (*CALIBRATORS, AUTO)
        _require(self.calibrator in names, f"int8.calibrator, one of {', '.join(names)}", self.calibrator)
        count = self.calibration_images
        _require(type(count) is int and count >= 1, "int8.calibration_images, a whole number from 1", count)
        texts = all(isinstance(name, str) for name in self.float_layers)
        _require(texts, "int8.float_layers, a list of names such as decoder/conv_4", self.float_layers)
        chosen = self.tensorrt_float_type
        _require(chosen in FLOAT_TYPES, f"int8.tensorrt_float_type, one of {', '.join(FLOAT_TYPES)}", chosen)

    def float_type(self, target: Target) -> FloatType:
        """The type of floats inside the graphs for a target; the kernels of CPUs want FP32."""
        return self.tensorrt_float_type if target == "tensorrt" else "fp32"


@dataclass(frozen=True)
class ExportRecipe:
    """Everything that decides the exported graphs, apart from the model; `int8` is present exactly for INT8."""

    precision: Precision
    opset: int
    int8: Int8Recipe | None = None

    def __post_init__(self) -> None:
        _require(self.precision in PRECISIONS, f"precision, one of {', '.join(PRECISIONS)}", self.precision)
        _require(type(self.opset) is int and self.opset in OPSETS, f"opset, one of {OPSETS}", self.opset)
        fits = (self.int8 is not None) == (self.precision == "int8")
        _require(fits, "a table [int8] for precision int8 and none for others", self.precision)
        half_scales = self.int8 is not None and self.int8.tensorrt_float_type == "fp16"
        opset_fits = not half_scales or self.opset >= _HALF_SCALES_OPSET
        _require(opset_fits, f"opset from {_HALF_SCALES_OPSET} for int8.tensorrt_float_type fp16", self.opset)


def read_export_recipe(precision: str, path: Path | None = None) -> ExportRecipe:
    """The recipe in `path`, or the shipped ``export/<precision>.toml``.

    Raises: InputError on an unknown precision, an unknown or missing key, a value out of range, or a recipe for
    another precision.
    """
    _require(precision in PRECISIONS, f"--precision, one of {', '.join(PRECISIONS)}", precision)
    source = default_path(f"export/{precision}.toml") if path is None else path
    try:
        recipe = recipe_from(read_toml(source))
    except InputError as error:
        raise InputError(expected=error.expected, got=f"{error.got} in {source}", fix=error.fix) from None
    if recipe.precision != precision:
        raise InputError(
            expected=f"a recipe for {precision}",
            got=f"{recipe.precision} in {source}",
            fix="change --precision or --recipe",
        )
    return recipe


def with_calibrator(recipe: ExportRecipe, calibrator: str | None) -> ExportRecipe:
    """The recipe with another calibrator, or as it is for None. Raises: InputError for another precision than int8."""
    if calibrator is None:
        return recipe
    if recipe.int8 is None:
        raise InputError(
            expected="--calibrator with int8 only", got=f"it with {recipe.precision}", fix="drop it, or export int8"
        )
    return replace(recipe, int8=replace(recipe.int8, calibrator=calibrator))


def recipe_from(values: Mapping[str, Any]) -> ExportRecipe:
    """The recipe with these values, as TOML gives them. Raises: InputError on an unknown or missing key."""
    _check_keys(
        values, required={"precision", "opset"}, allowed={field.name for field in fields(ExportRecipe)}, table=""
    )
    int8 = values.get("int8")
    return ExportRecipe(values["precision"], values["opset"], None if int8 is None else _int8_from(int8))


def _int8_from(values: object) -> Int8Recipe:
    if not isinstance(values, dict):
        raise _wrong("a table [int8]", repr(values))
    names = {field.name for field in fields(Int8Recipe)}
    _check_keys(values, required=names, allowed=names, table="int8.")
    layers = values["float_layers"]
    _require(isinstance(layers, list), "int8.float_layers, a list of names such as decoder/conv_4", layers)
    return Int8Recipe(values["calibrator"], values["calibration_images"], tuple(layers), values["tensorrt_float_type"])


def _check_keys(values: Mapping[str, Any], required: set[str], allowed: set[str], table: str) -> None:
    unknown = sorted(table + name for name in set(values) - allowed)
    missing = sorted(table + name for name in required - set(values))
    if unknown or missing:
        got = [f"unknown {', '.join(unknown)}"] * bool(unknown) + [f"no {', '.join(missing)}"] * bool(missing)
        raise _wrong(f"the keys {', '.join(sorted(table + name for name in allowed))}", "; ".join(got))


def _require(holds: bool, expected: str, value: object) -> None:
    if not holds:
        raise _wrong(expected, repr(value))


def _wrong(expected: str, got: str) -> InputError:
    return InputError(expected=expected, got=got, fix="correct the export recipe or the flag")
