"""Lively untrained models, their graphs at every precision, and a finished run on phantoms."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.onnx._internal.exporter._registration import ONNXRegistry

from edge_nt.datasets.dataset import write_dataset
from edge_nt.export.fp16_graph import fp16_graphs
from edge_nt.export.int8_graph import int8_graphs
from edge_nt.export.onnx_graph import Graphs, float_graphs
from edge_nt.export.ranges import Ranges, fit_ranges
from edge_nt.export.recipe import read_export_recipe
from edge_nt.imaging.letterbox import Preprocess, letterbox, to_unit_range
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.phantom.generate import render_phantom, write_phantoms
from edge_nt.training.checkpoint import save_model
from edge_nt.training.recipe import read_recipe
from edge_nt.training.train import prepare_run


@cache
def _frames(height: int, width: int) -> np.ndarray:
    pictures = [render_phantom(7, index % 3, index).frame.pixels for index in range(4)]
    return to_unit_range(np.stack([letterbox(pixels, Preprocess(height, width)) for pixels in pictures]))


@cache
def _model(height: int, width: int) -> AutoEncoder:
    """Random weights that keep the signal alive to the last layer, and BatchNorm statistics of real pictures."""
    torch.manual_seed(0)
    model = AutoEncoder(height, width).train()
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.uniform_(layer.bias, -0.5, 0.5)
            layer.momentum = 1.0  # the statistics of the one batch below
    with torch.no_grad():
        model.encode(torch.from_numpy(_frames(height, width)))
    return model.eval()


@cache
def _graphs(precision: str, height: int, width: int, target: str = "tensorrt") -> Graphs:
    recipe = read_export_recipe(precision)
    if precision == "fp32":
        return float_graphs(_model(height, width), height, width, recipe.opset)
    graphs = _graphs("fp32", height, width)
    if recipe.int8 is None:
        return fp16_graphs(graphs)
    return int8_graphs(graphs, _ranges(height, width), recipe.int8, target)


@cache
def _ranges(height: int, width: int) -> Ranges:
    return fit_ranges(_graphs("fp32", height, width), _frames(height, width))


@pytest.fixture(scope="session")
def _operators() -> Callable[..., ONNXRegistry]:
    """torch's exporter builds its table of operators, a thousand parsed functions, in every call: most of an export's
    time. Nothing writes into it, so these tests share one of each opset.
    """
    return cache(ONNXRegistry.from_torchlib)


# A module at a time: tests of other rooms export as users do.
@pytest.fixture(scope="module", autouse=True)
def _one_table_of_operators(_operators: Callable[..., ONNXRegistry]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(_operators))
        yield


@pytest.fixture(scope="session")
def frames() -> Callable[[int, int], np.ndarray]:
    """Four phantom frames (4, 1, H, W) of a size."""
    return _frames


@pytest.fixture(scope="session")
def model() -> Callable[[int, int], AutoEncoder]:
    """A model of a size, in evaluation mode."""
    return _model


@pytest.fixture(scope="session")
def graphs() -> Callable[..., Graphs]:
    """The exported graphs of that model at a precision, size and INT8 target; copy before writing into them."""
    return _graphs


@pytest.fixture(scope="session")
def ranges() -> Callable[[int, int], Ranges]:
    """The ranges that those frames span in the float graphs of a size."""
    return _ranges


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a stage 2 checkpoint, on a dataset of 3 × 8 phantoms, two of each 8 validation, phantom-c held
    out.
    """
    root = tmp_path_factory.mktemp("export")
    dataset = write_phantoms(root / "data", hospitals=3, per_hospital=8, seed=5)
    # Four frames of source validation are the least that the OOD score can be calibrated on.
    rows = tuple(replace(row, split="val" if at % 4 == 3 else "train") for at, row in enumerate(dataset.rows))
    write_dataset(replace(dataset, rows=rows))
    prepare_run(
        root / "run",
        root / "data",
        held_out="phantom-c",
        structures=("NT",),
        preprocess=Preprocess(),
        recipe=read_recipe(None, {}),
    )
    save_model(root / "run", "stage2", _model(192, 256), {})
    return root / "run"
