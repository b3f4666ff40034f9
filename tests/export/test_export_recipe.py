from pathlib import Path

import pytest

from edge_nt.errors import InputError
from edge_nt.export.recipe import read_export_recipe

INT8 = """precision = "int8"
opset = 19
[int8]
calibrator = "minmax"
calibration_images = 8
float_layers = []
tensorrt_float_type = "fp16"
"""


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_shipped_recipe_is_whole(precision):
    recipe = read_export_recipe(precision)
    assert recipe.precision == precision
    assert (recipe.int8 is not None) == (precision == "int8")


def test_a_recipe_of_ones_own_is_read(tmp_path: Path):
    (tmp_path / "own.toml").write_text(INT8)
    recipe = read_export_recipe("int8", tmp_path / "own.toml")
    assert recipe.int8 is not None
    assert (recipe.int8.calibration_images, recipe.int8.float_layers) == (8, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (INT8 + "symetric = true\n", "unknown int8.symetric"),
        ("colour = 1\n" + INT8, "unknown colour"),
        (INT8.replace("opset = 19\n", ""), "no opset"),
        (INT8.replace("calibration_images = 8\n", ""), "no int8.calibration_images"),
        (INT8.replace("= 8", "= 0"), "int8.calibration_images"),
        (INT8.replace("= 8", "= true"), "int8.calibration_images"),
        (INT8.replace("minmax", "median"), "int8.calibrator"),
        (INT8.replace("= []", "= [4]"), "int8.float_layers"),
        (INT8.replace("= []", '= "decoder/conv_4"'), "int8.float_layers"),
        (INT8.replace("19", "21"), "opset"),
        (INT8.replace("19", '"19"'), "opset"),
        (INT8.replace("19", "18"), "opset from 19 for int8.tensorrt_float_type fp16"),
        (INT8.replace("fp16", "bf16"), "int8.tensorrt_float_type"),
        ('precision = "int8"\nopset = 18\n', "table [int8]"),
        ('precision = "int8"\nopset = 18\nint8 = 3\n', "table [int8]"),
        ('precision = "fp16"\nopset = 18\n', "fp16 in"),
        (INT8.replace('"int8"', '"fp32"'), "table [int8]"),
        ("precision = ", "TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path: Path, text: str, said: str):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InputError) as refusal:
        read_export_recipe("int8", path)
    assert said in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_an_unknown_precision_is_refused():
    with pytest.raises(InputError, match="fp32, fp16, int8"):
        read_export_recipe("int4")
