"""run.json: what is written is read, and what an older version wrote too."""

import json
import shutil
from pathlib import Path

import pytest
from prepared_run import prepared

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.training.branch import branch_run
from edge_nt.training.recipe import TrainRecipe, recipe_values
from edge_nt.training.run_folder import RunInfo, read_run
from edge_nt.training.train import prepare_run, train_run

LATER_SETTINGS = ("roi_l1_dilation_px", "stage2_roi_pull", "matrix_rate", "convolution_rate")


@pytest.fixture
def info(phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path) -> RunInfo:
    return prepare_run(
        tmp_path / "run", phantoms, held_out="phantom-c", sources=("phantom-a", "phantom-b"), structures=("NT",),
        preprocess=Preprocess(192, 192), recipe=quick_recipe,
    )  # fmt: skip


def as_version_1(path: Path) -> None:
    values = json.loads(path.read_text())
    del values["sources"], values["stage1_of"]
    for name in ("stage2_terms", "stage2_weighting", *LATER_SETTINGS):
        del values["recipe"][name]
    values["recipe"]["augmentation"] = {"flip": True, "scale": 0.15, "shift": 0.05, "gain": 0.15, "gamma": 0.25}
    path.write_text(json.dumps({**values, "schema_version": 1}))


def test_a_run_is_read_as_it_was_written(info: RunInfo, tmp_path: Path) -> None:
    assert read_run(tmp_path / "run") == info
    assert info.sources == ("phantom-a", "phantom-b")


def test_weights_of_a_run_whose_json_is_gone_are_never_those_of_a_new_one(
    trained: Path, phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    (run / "run.json").unlink()
    with pytest.raises(InputError, match=r"stage1\.json, stage2\.json, stage1\.safetensors"):
        prepared(run, phantoms, quick_recipe, held_out="phantom-a")
    with pytest.raises(InputError, match=r"without run\.json"):
        branch_run(trained, run, quick_recipe)
    assert not (run / "run.json").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="a new or empty folder"):
        branch_run(trained, tmp_path / "mine", quick_recipe)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


def test_a_run_begun_on_a_gpu_is_finished_on_one_and_used_anywhere(trained: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    values = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**values, "device": "cuda"}))
    train_run(run)
    (run / "stage2.json").unlink()
    with pytest.raises(MissingDependencyError, match="on a machine with a GPU, or train anew") as refused:
        train_run(run)
    assert "--device cpu" not in str(refused.value)


def test_a_run_of_version_1_is_read_but_not_gone_on_with(info: RunInfo, tmp_path: Path) -> None:
    run = tmp_path / "run"
    as_version_1(run / "run.json")
    old = read_run(run)
    assert (old.train, old.held_out, old.sources, old.stage1_of) == (info.train, info.held_out, (), None)
    augmentation = recipe_values(old.recipe)["augmentation"]
    assert 2 ** augmentation["gain"] == pytest.approx(1.15)
    assert (augmentation["scale_min"], augmentation["scale_max"], augmentation["time_gain"]) == (0.85, 1.15, 0)
    assert (old.recipe.stage2_weighting, old.recipe.stage2_roi_pull) == ("gradients", 1.0)
    assert old.recipe.roi_l1_dilation_px == old.recipe.roi_dilation_px
    with pytest.raises(InputError, match="version 1"):
        train_run(run)


@pytest.mark.parametrize("change", [{"schema_version": 3}, {"train": None}, {"threads": 2, "colour": "red"}])
def test_what_is_no_run_of_this_version_is_refused(info: RunInfo, tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match="a run folder of schema version 1 or 2"):
        read_run(tmp_path / "run")
