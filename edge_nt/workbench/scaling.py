"""How the cost of a frame grows with its size and with the batch, measured on untrained models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter, sleep

import numpy as np
from numpy.typing import NDArray

from edge_nt.bench.latency_stats import LatencyStats, latency_stats
from edge_nt.bench.scaling_result import BatchCost, Exponent, Scaling, SizeCost
from edge_nt.export.onnx_graph import Graphs, graph_bytes
from edge_nt.model.autoencoder import AutoEncoder, multiply_adds
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.runtime.openvino_session import OpenVinoSession
from edge_nt.runtime.session import Session
from edge_nt.workbench.batch_runs import Run, onnxruntime_run, openvino_run
from edge_nt.workbench.compute_floor import SETTLE_S, torch_threads
from edge_nt.workbench.exponent import fit_exponent
from edge_nt.workbench.torch_session import TorchSession
from edge_nt.workbench.untrained_model import untrained_graphs, untrained_model, with_batch

# Legal for the preprocessing (multiples of 64 px from 192 up), about equally far apart on a logarithmic scale.
SIZES = ((192, 256), (256, 320), (320, 384), (384, 512), (512, 640))
BATCHES = (1, 2, 4, 8, 16)
ENGINES = ("onnxruntime", "openvino", "torch eager")
_SEED = 0
_WARM_UP = 2


@dataclass(frozen=True)
class _Cell:
    """One engine on one size with one batch, and what its rounds took."""

    engine: str
    height: int
    width: int
    batch: int
    run: Run
    model: AutoEncoder
    times_ms: list[float] = field(default_factory=list)

    @property
    def stats(self) -> LatencyStats:
        return latency_stats(self.times_ms[_WARM_UP:])


def measure_scaling(
    *,
    sizes: Sequence[tuple[int, int]] = SIZES,
    batches: Sequence[int] = BATCHES,
    rounds: int = 15,
    threads: int | None = None,
    on_step: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Scaling:
    """Time encode + decode at every size (batch 1) and batch (the first size) in every engine, all taking turns.

    The order is drawn anew each round. Before each timed call come a pause, so that the threads of the engine before
    have stopped spinning, and a call that is not timed, so that what the one before left in the caches does not count.
    Takes about two minutes at the defaults.

    Raises: MissingDependencyError without OpenVINO; InputError for fewer than 3 sizes.
    """
    with ExitStack() as stack:
        if threads is not None:
            stack.enter_context(torch_threads(threads))
        by_size, by_batch = _cells(sizes, batches, threads, on_step)
        cells = [*by_size, *by_batch]
        order = np.random.default_rng(_SEED)
        for index in range(_WARM_UP + rounds):
            on_step("rounds", index, _WARM_UP + rounds)
            for turn in order.permutation(len(cells)):
                _time(cells[turn])
    height, width = sizes[0]
    return Scaling(
        seed=_SEED,
        rounds=rounds,
        sizes=tuple(_size_cost(cell) for cell in by_size),
        exponents=tuple(_exponent(engine, by_size) for engine in ENGINES),
        batch_height_px=height,
        batch_width_px=width,
        batches=tuple(_batch_cost(cell) for cell in by_batch),
    )


def _cells(
    sizes: Sequence[tuple[int, int]],
    batches: Sequence[int],
    threads: int | None,
    on_step: Callable[[str, int, int], None],
) -> tuple[list[_Cell], list[_Cell]]:
    by_size: list[_Cell] = []
    by_batch: list[_Cell] = []
    for index, (height, width) in enumerate(sizes):
        on_step(f"exporting {height}x{width}", index, len(sizes))
        model = untrained_model(height, width, _SEED)
        graphs = untrained_graphs(model, height, width)
        images = _images(1, height, width)
        for engine, session in zip(ENGINES, _sessions(model, graphs, threads), strict=True):
            by_size.append(_Cell(engine, height, width, 1, _through(session, images), model))
        if index == 0:
            for batch in batches:
                runs = _batch_runs(model, with_batch(graphs, batch), _images(batch, height, width), threads)
                for engine, run in zip(ENGINES, runs, strict=True):
                    by_batch.append(_Cell(engine, height, width, batch, run, model))
    return by_size, by_batch


def _images(batch: int, height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(_SEED).random((batch, 1, height, width), np.float32)


def _sessions(model: AutoEncoder, graphs: Graphs, threads: int | None) -> Iterator[Session]:
    encoder, decoder = graph_bytes(graphs.encoder), graph_bytes(graphs.decoder)
    yield OnnxRuntimeSession(encoder, decoder, threads)
    yield OpenVinoSession(encoder, decoder, threads)
    yield TorchSession(model)


def _batch_runs(
    model: AutoEncoder, graphs: Graphs, images: NDArray[np.float32], threads: int | None
) -> tuple[Run, Run, Run]:
    torch_run = _through(TorchSession(model), images)
    return onnxruntime_run(graphs, images, threads), openvino_run(graphs, images, threads), torch_run


def _through(session: Session, images: NDArray[np.float32]) -> Run:
    return lambda: session.decode(session.encode(images))


def _time(cell: _Cell) -> None:
    sleep(SETTLE_S)
    cell.run()
    start = perf_counter()
    cell.run()
    cell.times_ms.append((perf_counter() - start) * 1e3)


def _size_cost(cell: _Cell) -> SizeCost:
    work = multiply_adds(cell.model, cell.height, cell.width)
    weights = sum(parameter.numel() for parameter in cell.model.parameters())
    return SizeCost(cell.engine, cell.height, cell.width, work, weights, cell.stats)


def _batch_cost(cell: _Cell) -> BatchCost:
    return BatchCost(cell.engine, cell.batch, cell.stats, cell.stats.p50_ms / cell.batch)


def _exponent(engine: str, cells: Sequence[_Cell]) -> Exponent:
    own = [cell for cell in cells if cell.engine == engine]
    pixels = [float(cell.height * cell.width) for cell in own]
    return Exponent(engine, *fit_exponent(pixels, [cell.stats.p50_ms for cell in own]))
