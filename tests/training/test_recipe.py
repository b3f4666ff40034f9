"""Training recipes: defaults, files, flags and what is refused."""

from pathlib import Path

import pytest

from edge_nt.errors import InputError
from edge_nt.training.recipe import read_recipe, recipe_from, recipe_values


def test_a_file_overrides_the_defaults_and_a_flag_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("seed = 3\nbatch_size = 4\n[augmentation]\nflip = false\n")
    recipe = read_recipe(path, {"batch_size": 6, "stage1_steps": None})
    assert (recipe.seed, recipe.batch_size, recipe.augmentation.flip) == (3, 6, False)
    assert recipe.stage1_steps == read_recipe(None, {}).stage1_steps
    assert recipe.augmentation.scale_min == read_recipe(None, {}).augmentation.scale_min


def test_values_make_the_same_recipe_again() -> None:
    recipe = read_recipe(None, {"seed": 7})
    assert recipe_from(recipe_values(recipe)) == recipe


def test_a_recipe_of_an_earlier_version_means_what_it_meant() -> None:
    values = recipe_values(read_recipe(None, {"roi_dilation_px": 3}))
    for later in ("roi_l1_dilation_px", "stage2_roi_pull", "matrix_rate", "convolution_rate"):
        del values[later]
    recipe = recipe_from(values)
    assert (recipe.roi_l1_dilation_px, recipe.stage2_roi_pull) == (3, 1.0)
    assert (recipe.matrix_rate, recipe.convolution_rate) == (3.0, 1.0)
    del values["warmup_steps"]
    with pytest.raises(InputError, match="warmup_steps"):
        recipe_from(values)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("stage3_steps = 5", "stage3_steps"),
        ("[augmentation]\nrotate = 1", "augmentation.rotate"),
        ("stage1_steps = 0", "stage1_steps"),
        ("stage1_steps = 1.5", "stage1_steps"),
        ("stage1_learning_rate = 2.0", "stage1_learning_rate"),
        ('stage2_learning_rate = "fast"', "stage2_learning_rate"),
        ("[augmentation]\nshift = 1.0", "augmentation.shift"),
        ("[augmentation]\nscale_min = 2.0", "augmentation.scale_min"),
        ('stage2_terms = ["roi"]', "stage2_terms"),
        ("stage2_terms = 3", "stage2_terms"),
        ('stage2_terms = [["roi_l1"]]', "stage2_terms"),
        ('stage2_terms = ["roi_l1", "roi_l1"]', "stage2_terms"),
        ('[augmentation]\nflip = "no"', "augmentation.flip"),
        ('stage2_weighting = "by hand"', "stage2_weighting"),
        ("roi_l1_dilation_px = -1", "roi_l1_dilation_px"),
        ("stage2_roi_pull = 0", "stage2_roi_pull"),
        ("matrix_rate = 101", "matrix_rate"),
        ("convolution_rate = true", "convolution_rate"),
        ("roi_dilation_px = 1001", "roi_dilation_px"),
        ("batch_size = true", "batch_size"),
        ('stage2_roi_pull = "strong"', "stage2_roi_pull"),
        ("seed = -1", "seed"),
        ("seed = 9223372036854775808", "seed"),
        ("weight_decay = 1.0", "weight_decay"),
        ('weight_decay = "much"', "weight_decay"),
        ("augmentation = 3", "augmentation"),
        ("seed = [", "own.toml"),
    ],
)
def test_bad_recipes_are_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=named):
        read_recipe(path, {})


def test_a_missing_recipe_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml"):
        read_recipe(tmp_path / "none.toml", {})
