import numpy as np
import pytest
import torch

from edge_nt.export.onnx_graph import Graphs
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.model.autoencoder import AutoEncoder, multiply_adds
from edge_nt.workbench.batch_runs import onnxruntime_run, openvino_run
from edge_nt.workbench.scaling import ENGINES, SIZES, measure_scaling
from edge_nt.workbench.untrained_model import untrained_model, with_batch


def test_a_batch_gives_what_its_frames_give_alone(model: AutoEncoder, graphs: Graphs) -> None:
    images = np.random.default_rng(1).random((3, 1, 192, 256), np.float32)
    with torch.inference_mode():
        alone = model(torch.from_numpy(images)).numpy()
    batched = with_batch(graphs, 3)
    for run in (onnxruntime_run, openvino_run):
        assert np.abs(run(batched, images, None)() - alone).max() < 1e-4
    assert graphs.encoder.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


def test_an_untrained_model_depends_on_its_seed_and_keeps_clear_of_denormals() -> None:
    one, same, other = (untrained_model(64, 64, seed) for seed in (1, 1, 2))
    values = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        assert torch.equal(one(values), same(values))
        assert not torch.equal(one(values), other(values))
        for layer in [*one.encoder, *one.decoder]:
            values = layer(values)
            small = values[values != 0].abs().min()
            assert small > torch.finfo(torch.float32).tiny


@pytest.mark.slow
def test_times_stand_for_every_size_batch_and_engine() -> None:
    steps: list[str] = []
    sizes = ((64, 64), (64, 96), (96, 96))
    scaling = measure_scaling(
        sizes=sizes, batches=(1, 2), rounds=2, threads=1, on_step=lambda what, _done, _total: steps.append(what)
    )
    assert [(each.engine, each.height_px, each.width_px) for each in scaling.sizes] == [
        (engine, *size) for size in sizes for engine in ENGINES
    ]
    assert [(each.engine, each.batch) for each in scaling.batches] == [(e, b) for b in (1, 2) for e in ENGINES]
    first, last = scaling.sizes[0], scaling.sizes[-1]
    assert first.multiply_adds == multiply_adds(untrained_model(64, 64, 0), 64, 64)
    # Everything in this network is proportional to the frame, the linear layers' weights too.
    assert last.multiply_adds / first.multiply_adds == pytest.approx(96 * 96 / (64 * 64))
    assert last.weights - first.weights == 256 * (9 - 4) * (128 + 128 + 1)
    assert all(each.encode_decode.n == 2 and each.encode_decode.p50_ms > 0 for each in scaling.sizes)
    assert all(each.ms_per_image == each.encode_decode.p50_ms / each.batch for each in scaling.batches)
    assert [each.engine for each in scaling.exponents] == list(ENGINES)
    assert "rounds" in steps


def test_the_measured_sizes_are_legal_for_the_preprocessing() -> None:
    for height, width in SIZES:
        assert Preprocess(height, width).height == height
