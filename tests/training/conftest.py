"""A small phantom dataset and a quick recipe, shared by the training tests."""

import shutil
from pathlib import Path

import pytest
from prepared_run import prepared

from edge_nt.phantom.generate import write_phantoms
from edge_nt.training.recipe import TrainRecipe, read_recipe
from edge_nt.training.train import train_run


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("phantoms") / "data"
    write_phantoms(root, hospitals=3, per_hospital=8, seed=0)
    return root


@pytest.fixture
def own_phantoms(phantoms: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(phantoms, tmp_path / "own"))


@pytest.fixture(scope="session")
def quick_recipe() -> TrainRecipe:
    quick = {"stage1_steps": 4, "stage2_steps": 3, "batch_size": 4, "calibration_batches": 2}
    return read_recipe(None, {**quick, "validate_every": 2, "checkpoint_every": 2})


@pytest.fixture(scope="session")
def trained(phantoms: Path, quick_recipe: TrainRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the quick recipe; copy before changing it."""
    run = prepared(tmp_path_factory.mktemp("trained") / "run", phantoms, quick_recipe)
    train_run(run)
    return run
