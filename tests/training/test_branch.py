"""Runs that take over finished stages of another: the same files, and refusals where they would not be the same."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from prepared_run import prepared

from edge_nt.errors import InputError
from edge_nt.training.branch import branch_run, copy_control, same_control
from edge_nt.training.checkpoint import read_facts
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_log import read_log
from edge_nt.training.train import train_run


def test_a_branch_trains_another_stage_2_on_the_same_stage_1(
    trained: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    twin, control = tmp_path / "twin", tmp_path / "control"
    branch_run(trained, twin, quick_recipe)
    info = branch_run(trained, control, replace(quick_recipe, stage2_terms=(), stage2_steps=2))
    assert info.stage1_of == read_facts(trained, "stage1")["sha256"]
    for run in (twin, control):
        assert not (run / "stage2.json").exists()
        train_run(run, stages=(2,))
    for name in ("stage1.safetensors", "stage2.safetensors", "log.jsonl"):
        assert (twin / name).read_bytes() == (trained / name).read_bytes()
    assert (control / "stage2.safetensors").read_bytes() != (trained / "stage2.safetensors").read_bytes()
    assert read_facts(control, "stage2")["loss_weights"] == {"ms_ssim": 1.0}


def test_a_branch_is_refused_where_stage_1_would_be_another(
    trained: Path, phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    early = prepared(tmp_path / "early", phantoms, quick_recipe)
    with pytest.raises(InputError, match="finished stage1"):
        branch_run(early, tmp_path / "branch", quick_recipe)
    base = Path(shutil.copytree(trained, tmp_path / "base"))
    for name, value in (("seed", 1), ("stage1_steps", 5), ("matrix_rate", 2.0)):
        with pytest.raises(InputError, match=f"another {name}"):
            branch_run(base, tmp_path / "branch", replace(quick_recipe, **{name: value}))
    with pytest.raises(InputError, match="--resume"):
        branch_run(base, base, quick_recipe)
    content = bytearray((base / "stage1.safetensors").read_bytes())
    content[-1] ^= 1
    (base / "stage1.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"SHA-256 in stage1\.json"):
        branch_run(base, tmp_path / "branch", quick_recipe)
    assert not (tmp_path / "branch" / "run.json").exists()


def test_a_copied_control_is_the_one_that_would_be_trained_for_other_structures(
    phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    base, recipe, bone = tmp_path / "base", replace(quick_recipe, stage2_terms=()), ("nasal bone",)
    train_run(prepared(base, phantoms, recipe))
    copied, trained = tmp_path / "copied", tmp_path / "trained"
    wider = replace(
        recipe, roi_dilation_px=9, roi_l1_dilation_px=11, stage2_weighting="equal", stage2_roi_pull=3.0
    )  # fmt: skip
    info = copy_control(base, copied, wider, structures=bone, data_root=phantoms)
    assert (info.structures, info.recipe) == (bone, wider) == (read_run(copied).structures, read_run(copied).recipe)
    train_run(prepared(trained, phantoms, wider, structures=bone))
    for stage in ("stage1", "stage2"):
        assert (copied / f"{stage}.safetensors").read_bytes() == (trained / f"{stage}.safetensors").read_bytes()
        assert set(read_facts(copied, stage)["validation"]) == {"ms_ssim"}
    seen = [(line["event"], line["stage"], line["step"]) for line in read_log(copied / "log.jsonl")]
    assert seen == [(line["event"], line["stage"], line["step"]) for line in read_log(trained / "log.jsonl")]
    assert not any(name.startswith("roi_") for line in read_log(copied / "log.jsonl") for name in line)
    before = (copied / "stage2.safetensors").read_bytes()
    train_run(copied)  # There is nothing left to train.
    assert (copied / "stage2.safetensors").read_bytes() == before


def test_only_the_same_control_is_one(quick_recipe: TrainRecipe, phantoms: Path, tmp_path: Path) -> None:
    control = replace(quick_recipe, stage2_terms=())
    assert same_control(control, replace(control, calibration_batches=control.calibration_batches + 1))
    for change in ({"stage2_steps": 99}, {"stage2_learning_rate": 0.5}, {"seed": 9}, {"stage2_terms": ("roi_l1",)}):
        assert not same_control(control, replace(control, **change))
    assert not same_control(quick_recipe, quick_recipe)
    base = prepared(tmp_path / "base", phantoms, control)
    with pytest.raises(InputError, match="gives the control"):
        copy_control(base, tmp_path / "run", quick_recipe, structures=("NT",), data_root=phantoms)
    with pytest.raises(InputError, match="finished stage1"):
        copy_control(base, tmp_path / "run", control, structures=("NT",), data_root=phantoms)
    assert not (tmp_path / "run").exists()
