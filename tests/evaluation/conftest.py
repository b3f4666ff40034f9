from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from edge_nt.datasets.dataset import read_dataset
from edge_nt.datasets.hospital_split import split_by_hospital
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.phantom.generate import write_phantoms
from edge_nt.training.checkpoint import save_model
from edge_nt.training.recipe import read_recipe
from edge_nt.training.run_folder import RunInfo, write_run
from edge_nt.training.run_frames import used_pictures

HELD_OUT = "phantom-c"


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hospitals of nine phantoms; in each, two validate."""
    root = tmp_path_factory.mktemp("evaluation") / "phantoms"
    write_phantoms(root, hospitals=3, per_hospital=9, seed=0)
    return root


def write_untrained_run(run: Path, data_root: Path, held_out: str = HELD_OUT, sources: tuple[str, ...] = ()) -> None:
    """A finished run whose two stages hold random weights: metrics do not care how good a model is."""
    dataset = read_dataset(data_root)
    split = split_by_hospital(dataset, held_out, sources)
    info = RunInfo(
        data_root=str(data_root),
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        held_out_hospital=held_out,
        sources=sources,
        structures=("NT",),
        preprocess=Preprocess(),
        recipe=read_recipe(None, {}),
        device="cpu",
        precision="float32",
        threads=1,
        torch_version=torch.__version__,
        train=tuple(row.file for row in split.train),
        val=tuple(row.file for row in split.val),
        held_out=tuple(row.file for row in split.held_out),
        pictures=used_pictures(dataset, split, Preprocess()),
    )
    write_run(run, info)
    for seed, stage in enumerate(("stage1", "stage2")):
        torch.manual_seed(seed)
        save_model(run, stage, AutoEncoder(192, 256), {})


@pytest.fixture
def scanner_run(phantoms: Path, tmp_path: Path) -> Path:
    """An untrained run from one of phantom-b's two scanners, and phantom-a, to the other; phantom-c is unused."""
    data = Path(shutil.copytree(phantoms, tmp_path / "scanners", ignore=shutil.ignore_patterns(".*")))
    table = data / "manifest.csv"
    lines = [
        line.replace("phantom-b-scanner", "y" if line.split(".")[0][-1] in "12345" else "x")
        for line in table.read_text().splitlines()
    ]
    # The OOD score is calibrated on four held-in patients at least.
    table.write_text("\n".join(lines).replace("phantom-b-0003,train", "phantom-b-0003,val") + "\n")
    write_untrained_run(tmp_path / "run", data, "phantom-b:x", ("phantom-a", "phantom-b:y"))
    return tmp_path / "run"


@pytest.fixture(scope="session")
def untrained_run(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("evaluation") / "run"
    write_untrained_run(run, phantoms)
    assert json.loads((run / "run.json").read_text())["synthetic"] is True
    return run
