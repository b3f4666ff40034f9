"""A run folder and an FP32 bundle of one untrained model: all that a measurement of speed asks of them."""

from pathlib import Path

import block_bundle
import numpy as np
import pytest

from edge_nt.bundle.golden_vectors import GoldenVectors
from edge_nt.bundle.write import write_bundle
from edge_nt.export.onnx_graph import Graphs, graph_bytes
from edge_nt.imaging.letterbox import Preprocess, to_unit_range
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.training.checkpoint import read_facts, save_model
from edge_nt.training.recipe import read_recipe
from edge_nt.training.run_folder import RunInfo, write_run
from edge_nt.workbench.untrained_model import untrained_graphs, untrained_model


@pytest.fixture(scope="session")
def model() -> AutoEncoder:
    """An untrained model for 192x256 px, whose signal reaches the last layer."""
    return untrained_model(192, 256, seed=0)


@pytest.fixture(scope="session")
def graphs(model: AutoEncoder) -> Graphs:
    """Its FP32 graphs; copy before writing into them."""
    return untrained_graphs(model, 192, 256)


@pytest.fixture(scope="session")
def run_folder(model: AutoEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose stage 2 is that model."""
    run = tmp_path_factory.mktemp("peers") / "run"
    run.mkdir()
    info = RunInfo(
        data_root="scans",
        dataset="blobs",
        synthetic=True,
        held_out_hospital=block_bundle.HELD_OUT,
        structures=("NT",),
        preprocess=Preprocess(),
        recipe=read_recipe(None, {}),
        device="cpu",
        precision="float32",
        threads=1,
        torch_version="2",
        train=("east/0.png",),
        val=("east/1.png",),
        held_out=("north/0.png",),
    )
    write_run(run, info)
    save_model(run, "stage2", model, {})
    return run


@pytest.fixture(scope="session")
def model_bundle(run_folder: Path, graphs: Graphs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The FP32 bundle of that run."""
    encoder, decoder = graph_bytes(graphs.encoder), graph_bytes(graphs.decoder)
    session = OnnxRuntimeSession(encoder, decoder, threads=1)
    frames = np.stack([block_bundle.scan(seed) for seed in (1, 2)])
    latents = session.encode(to_unit_range(frames))
    folder = tmp_path_factory.mktemp("peers-bundle") / "fp32"
    write_bundle(
        folder,
        block_bundle.manifest(checkpoint=read_facts(run_folder, "stage2")["sha256"]),
        encoder_onnx=encoder,
        decoder_onnx=decoder,
        ood=block_bundle.fit(session),
        golden=GoldenVectors(frames, latents, session.decode(latents)),
    )
    return folder
